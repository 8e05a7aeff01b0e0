"""What a user asks for, and the conditions that it stands for."""

from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BadInput
from bench.corruptions.apply import SETS, members
from bench.corruptions.corruption import SEVERITIES
from bench.results.shards import Shard


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
    conditions: tuple[str, ...] = ()  # of plug-ins, in CONDITIONS
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


def deviations(request: Request, recipes: bool) -> list[str]:
    """What a table must say about a training beside its budget, its length and its images.

    recipes: whether the settings of recipes are for this training.
    """
    radii = [f"train-eps={request.train_eps:g}"] if request.train_eps else []
    searched = [request.precision] if request.precision and request.precision != "fp32" else []
    threads = [f"threads={request.threads}"] if request.threads != 1 else []
    return [*radii, *searched, *threads, *(s for s in request.settings if recipes or not s.startswith("recipe."))]
