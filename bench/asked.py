"""What a user asks for, and the conditions that it stands for."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

from bench.attacks import AttackSpec
from bench.audit.limits import SIGNS
from bench.conditions import Attacked, Clean, Condition, Union, over, under
from bench.corruptions import SETS, members
from bench.corruptions.corruption import SEVERITIES
from bench.damage import damages
from bench.data.dataset import Dataset, Images
from bench.data.shelf import Shelf
from bench.diagnostics import DIAGNOSTICS
from bench.errors import BadInput
from bench.inspected import Diagnosed, Group, Probed, Statistic
from bench.plan import Budget
from bench.plans import LONG
from bench.ranges import read_ranges
from bench.shards import Shard
from bench.suites import attacks_of
from bench.threat import L2, Linf, Threat

NORMS: dict[str, type[Linf] | type[L2]] = {"Linf": Linf, "L2": L2}


@dataclass(frozen=True)
class Request:
    """The options of `bench run` that determine numbers."""

    methods: tuple[str, ...] = ("Standard", "PGD-AT", "TRADES-6", "AVmixup", "M2AT")
    dataset: str = "digits"
    model: str | None = None
    budget: str | None = None
    paper: str = ""  # whose tables it is for, as of `plans.plan_of_paper`
    epochs: int | None = None
    limit_train: int | None = None
    train_eps: float | None = None
    settings: tuple[str, ...] = ()
    attacks: tuple[str, ...] = ("FGSM", "PGD-20", "CW-20", "AutoAttack")
    diagnostics: tuple[str, ...] = ()
    exhibits: tuple[str, ...] = ()
    corruptions: tuple[str, ...] = ()  # names, or sets of them
    severities: tuple[int, ...] = SEVERITIES
    attack_corrupted: bool = False  # attack the corrupted images too
    calibration: Path | None = None  # of ranges for M-TLAT's four corruptions
    audit: bool = False
    eps: tuple[float, ...] = ()
    sweep: tuple[float, ...] = ()
    norm: str | None = None
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None
    precision: str | None = None  # fp32, bf16, or auto for whichever the device computes faster; None: the budget's
    threads: int = 1  # that each training computes with, on a CPU
    transfer: bool = False  # judge each model on images crafted on each of the others too,
    source: tuple[str, ...] = ()  # and on those of these models from outside, by SPEC

    def check_cut(self, shard: Shard) -> None:
        """BadInput where a shard is to do what is not cut into any."""
        whole = {"--transfer": self.transfer, "--source": self.source, "--sweep": self.sweep}
        if shard.count > 1 and any(whole.values()):
            named = next(option for option, asked in whole.items() if asked)
            raise BadInput(f"--shard {shard} cuts attacks alone; run {named} without it")

    def check_corrupted(self) -> None:
        """BadInput where corrupted images are to be attacked and cannot be."""
        if self.attack_corrupted and not (self.attacks and self.corruptions):
            lacking = "--corruptions" if self.attacks else "--attacks"
            raise BadInput(f"--attack-corrupted takes every attack to every corruption; name some by {lacking}")
        if self.attack_corrupted and self.sweep:
            raise BadInput("--attack-corrupted attacks at given radii; name them by --eps in the place of --sweep")

    def check_calibrated(self) -> None:
        """BadInput where ranges are given and none of the corruptions has any."""
        ranged = set(SETS["mtlat"]) - set(SETS["imagenet-c"])
        named = {name for text in self.corruptions for name in members(text) or [text]}
        if self.calibration and not named & ranged:
            raise BadInput(f"--calibration is of {', '.join(sorted(ranged))}, none of which --corruptions names")


def conditions_of(request: Request, data: Dataset) -> tuple[Condition, ...]:
    """Clean, every attack at every radius, every statistic of the diagnostics, and what an audit asks."""
    request.check_corrupted()
    attacks = attacks_of(request.attacks)
    for attack in attacks:
        attack.check_classes(data.num_classes)
    threats = threats_of(request, data)
    if request.sweep:
        attacked = [condition for a in attacks for condition in over(a, threats)]
    else:
        attacked = [condition for threat in threats for a in attacks for condition in under(a, threat)]
    groups = product(
        DIAGNOSTICS.select([*request.diagnostics]) if request.diagnostics else [], get_args(Statistic), get_args(Group)
    )
    probed = audited(attacked) if request.audit else ()
    return tuple(dict.fromkeys([Clean(), *attacked, *(Diagnosed(*which) for which in groups), *probed]))


def corruptions_of(
    request: Request, conditions: Sequence[Condition], data: Dataset, test: Images, data_dir: Path
) -> Iterator[Condition]:
    """Every corruption at every severity and, where that is asked for, every attack of the conditions on each."""
    ranges = read_ranges(request.calibration, data) if request.calibration else None
    corrupted = [*damages(request.corruptions, request.severities, data, test, data_dir, ranges)]
    yield from corrupted
    if request.attack_corrupted:
        attacked = [condition for condition in conditions if isinstance(condition, Attacked)]
        yield from (Union(*both) for both in product(corrupted, attacked))


def audited(conditions: Sequence[Condition]) -> Iterator[Probed]:
    """What `--audit` adds: every sign at every radius; examples are planted for each attack of several steps."""
    attacked = [c for c in conditions if isinstance(c, Attacked) and not c.attack.minimal]
    for threat in dict.fromkeys(condition.threat for condition in attacked):
        yield from (Probed(sign, threat) for sign in SIGNS if sign != "planted")
    yield from (
        Probed("planted", c.threat, c.attack) for c in attacked if not c.attack.last and several_steps(c.attack)
    )


def several_steps(attack: AttackSpec) -> bool:
    """Along a gradient: one is weak, and nobody takes it for more; Square is there to check on the others."""
    return attack.name != "Square" and (attack.block is not None or int(dict(attack.settings).get("steps", 1)) > 1)


def test_images(request: Request, data: Dataset, budget: Budget, shelf: Shelf) -> tuple[Images, int]:
    """All test images, and how many of them to judge: as many as were asked for, or the budget's number."""
    test = shelf.load(data, "test")
    n = request.limit or min(budget.test or len(test), len(test))
    if n > len(test):
        raise BadInput(f"--limit {n} is more than the {len(test)} test images of {data.name}")
    return test, n


def threats_of(request: Request, data: Dataset) -> list[Threat]:
    """The balls to attack in: the data set's own, one for each --eps, or those of --sweep, from the smallest."""
    norm, option = request.norm or type(data.threat).__name__, "--sweep" if request.sweep else "--eps"
    radii = radii_of_sweep(request) or [*request.eps]
    if request.norm is not None and NORMS[norm] is not type(data.threat) and not radii:
        raise BadInput(f"--norm {norm} needs --eps, as {data.name} has a default for {type(data.threat).__name__} only")
    for eps in radii:
        limit = 1.0 if norm == "Linf" else math.sqrt(math.prod(data.shape))
        if not 0 < eps <= limit:
            raise BadInput(f"{option} {eps:g} is not a {norm} radius on {data.name}: above 0, at most {limit:g}")
    return [NORMS[norm](eps) for eps in radii] or [data.threat]


def radii_of_sweep(request: Request) -> list[float]:
    """Those to attack at; 0, the clean image, is judged anyway."""
    radii = sorted(set(request.sweep))
    if radii and request.eps:
        raise BadInput("--eps and --sweep both name radii to evaluate at; give one of them")
    if radii and (request.transfer or request.source):
        named = "--transfer" if request.transfer else "--source"
        raise BadInput(
            f"{named} hands over images of one radius: give it a run with --eps, beside the one with --sweep"
        )
    if radii and request.audit:
        raise BadInput("--audit asks at radii of their own: give it a run with --eps, beside the one with --sweep")
    if 0 < len(radii) < 3:
        raise BadInput(f"--sweep names {len(radii)} different radii, and a curve needs 3; --eps takes any number")
    return [eps for eps in radii if eps]


def split_setting(setting: str) -> tuple[str, str]:
    path, equals, text = setting.partition("=")
    if setting != LONG and (not equals or not path.startswith(("plan.", "recipe."))):
        raise BadInput(f"--set {setting}: the form is plan.FIELD=VALUE, recipe.FIELD=VALUE or {LONG}")
    return path, text


def deviations(request: Request, recipes: bool) -> list[str]:
    """What a table must say about a training beside its budget, its length and its images.

    recipes: whether the settings of recipes are for this training.
    """
    radii = [f"train-eps={request.train_eps:g}"] if request.train_eps else []
    searched = [request.precision] if request.precision and request.precision != "fp32" else []
    threads = [f"threads={request.threads}"] if request.threads != 1 else []
    return [*radii, *searched, *threads, *(s for s in request.settings if recipes or not s.startswith("recipe."))]
