"""The conditions and test images that a request asks for."""

import math
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import get_args

import torch

from bench.attacks.spec import AttackSpec
from bench.attacks.suites import attacks_of
from bench.core.errors import BadInput
from bench.core.parsing import RADIUS_DECIMALS
from bench.core.plan import Budget
from bench.core.threats.threat import NORMS, Threat
from bench.corruptions.calibrated_ranges import read_ranges
from bench.data.cache import ImageCache
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.evaluation.conditions.attack import plain_attacks
from bench.evaluation.conditions.base import CONDITIONS, Condition
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.conditions.corrupted_attack import Union
from bench.evaluation.conditions.diagnostic import Diagnosed, Group, Statistic
from bench.evaluation.conditions.expand import conditions_in_ball, conditions_of_sweep
from bench.evaluation.conditions.probe import Probed
from bench.evaluation.corruption_conditions import corruption_conditions
from bench.evaluation.diagnostics import DIAGNOSTICS
from bench.report.audit.thresholds import INDICATORS
from bench.runner.budgets import budget_name, budget_of
from bench.runner.request import Request


def plan_evaluation(
    request: Request, data: Dataset, device: torch.device, cache: ImageCache, fetch: bool = False
) -> tuple[Images, int, tuple[Condition, ...]]:
    """The whole test set, the number of images that count, and the conditions of a request.

    Args:
        device: decides which budget is the default.
        cache: reads the images, and keeps them in memory.
        fetch: download the data set if it is missing, after the checks that do not need it.

    Returns:
        All test images, in the memory of the CPU; how many of them count; every condition once.

    Raises:
        BadInput: a name is unknown, a value is out of range, or options contradict each other.
    """
    conditions = conditions_of(request, data)
    if fetch:
        data.download(cache.data_dir)
    test, n = test_images(request, data, budget_of(budget_name(request, device.type == "cuda"), data), cache)
    return test, n, (*conditions, *corruptions_of(request, conditions, data, test, cache.data_dir))


def conditions_of(request: Request, data: Dataset) -> tuple[Condition, ...]:
    """Every condition of a request but its corruptions: clean, attacks, diagnostics, probes, and those of plug-ins.

    Attacks are at every radius of --eps or --sweep, else at the data set's own.
    """
    request.check_attack_corrupted()
    attacks = attacks_of(request.attacks)
    for attack in attacks:
        attack.check_classes(data.num_classes)
    threats = threats_of(request, data)
    if request.sweep:
        attacked = [condition for a in attacks for condition in conditions_of_sweep(a, threats)]
    else:
        attacked = [condition for threat in threats for a in attacks for condition in conditions_in_ball(a, threat)]
    groups = product(
        DIAGNOSTICS.select([*request.diagnostics]) if request.diagnostics else [], get_args(Statistic), get_args(Group)
    )
    probed = [*audit_conditions(attacked)] if request.audit else []
    if request.audit and attacked and not probed:
        raise BadInput(
            f"--audit asks about a model in a ball, and {', '.join(attack.name for attack in attacks)} searches in "
            f"none of {type(threats[0]).__name__}; add one that does, such as PGD-20, or give its own --norm and --eps"
        )
    added = [c for name in request.conditions for c in CONDITIONS[name].list_for(threats)]
    return tuple(dict.fromkeys([Clean(), *attacked, *(Diagnosed(*which) for which in groups), *probed, *added]))


def corruptions_of(
    request: Request, conditions: Sequence[Condition], data: Dataset, test: Images, data_dir: Path
) -> Iterator[Condition]:
    """Every corruption at every severity and, with --attack-corrupted, every attack on each of them."""
    ranges = read_ranges(request.calibration, data) if request.calibration else None
    corrupted = [*corruption_conditions(request.corruptions, request.severities, data, test, data_dir, ranges)]
    yield from corrupted
    if request.attack_corrupted:
        yield from (Union(*both) for both in product(corrupted, plain_attacks(conditions)))


def audit_conditions(conditions: Sequence[Condition]) -> Iterator[Probed]:
    """The probes that --audit adds: every indicator in every ball of the attacks, minimum-norm ones among them.

    The binarization test (indicator `planted`) is for each attack of several steps, not for minimum-norm attacks nor
    for those that return their last iterate.
    """
    attacked = [c for c in plain_attacks(conditions) if not c.attack.minimal or math.isfinite(c.threat.eps)]
    for threat in dict.fromkeys(condition.threat for condition in attacked):
        yield from (Probed(sign, threat) for sign in INDICATORS if sign != "planted")
    tested = [c for c in attacked if not (c.attack.minimal or c.attack.last) and has_several_steps(c.attack)]
    yield from (Probed("planted", c.threat, c.attack) for c in tested)


def has_several_steps(attack: AttackSpec) -> bool:
    """Whether an attack takes several gradient steps.

    The audit does not test others: a single step is known to be weak, and a black-box attack follows no gradient.
    """
    return not attack.black_box and (attack.block is not None or int(dict(attack.settings).get("steps", 1)) > 1)


def test_images(request: Request, data: Dataset, budget: Budget, cache: ImageCache) -> tuple[Images, int]:
    """All test images, and how many of them count: --limit, else the budget's number. BadInput if --limit has more."""
    test = cache.load(data, "test")
    n = request.limit or min(budget.test or len(test), len(test))
    if n > len(test):
        raise BadInput(f"--limit {n} is more than the {len(test)} test images of {data.name}")
    return test, n


def threats_of(request: Request, data: Dataset) -> list[Threat]:
    """The balls to attack in: one for each --eps, or each radius of --sweep in rising order, else the data set's own.

    Raises:
        BadInput: a radius is not above 0, or larger than any difference of two images; or two are nearly the same; or
            --norm has none.
    """
    norm, option = request.norm or type(data.threat).__name__, "--sweep" if request.sweep else "--eps"
    radii = radii_of_sweep(request) or [*request.eps]
    if request.norm is not None and NORMS[norm] is not type(data.threat) and not radii:
        raise BadInput(f"--norm {norm} needs --eps, as {data.name} has a default for {type(data.threat).__name__} only")
    for eps in radii:
        limit = NORMS[norm].largest(math.prod(data.shape))
        if not 0 < eps <= limit:
            raise BadInput(f"{option} {eps:g} is not a {norm} radius on {data.name}: above 0, at most {limit:g}")
    _check_distinct(option, radii)
    return [NORMS[norm](eps) for eps in radii] or [data.threat]


def _check_distinct(option: str, radii: Sequence[float]) -> None:
    """BadInput if two different radii, or a radius and 0, are equal in the decimals that tables tell apart."""
    seen = {0.0: 0.0}
    for eps in radii:
        other = seen.setdefault(round(eps, RADIUS_DECIMALS), eps)
        if other != eps:
            raise BadInput(
                f"{option}: {other:.12g} and {eps:.12g} are one radius in tables, which have {RADIUS_DECIMALS} decimals"
            )


def radii_of_sweep(request: Request) -> list[float]:
    """The radii of --sweep in rising order, without 0, as the clean image is evaluated anyway.

    Raises:
        BadInput: there are one or two different radii, or --sweep is given with an option of single radii.
    """
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
