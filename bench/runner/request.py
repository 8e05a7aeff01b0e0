"""The options of `bench run` that determine numbers."""

from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BadInput
from bench.corruptions.apply import SETS, members
from bench.data.published_corruptions import SEVERITIES
from bench.results.shards import Shard

EXTRA_SHARE = 0.7  # of each batch: the --unsup-fraction of Wang et al. 2023 on CIFAR-10


@dataclass(frozen=True)
class Request:
    """What a user asks for. Fields are named as the options of `bench run`; None stands for the default there."""

    methods: tuple[str, ...] = ("Standard", "PGD-AT", "TRADES-6", "AVmixup", "M2AT")
    dataset: str = "digits"
    model: str | None = None
    budget: str | None = None
    paper: str = ""  # the paper of the study; at --budget paper, Standard, which no paper proposes, has its plan
    epochs: int | None = None
    limit_train: int | None = None
    train_eps: float | None = None
    extra: Path | None = None  # .npz archive of extra training images
    extra_share: float | None = None  # of each batch that are extra images, in (0, 1); None: EXTRA_SHARE
    settings: tuple[str, ...] = ()  # of --set, as `plan.lr=0.05`
    attacks: tuple[str, ...] = ("FGSM", "PGD-20", "CW-20", "AutoAttack")
    diagnostics: tuple[str, ...] = ()
    exhibits: tuple[str, ...] = ()
    corruptions: tuple[str, ...] = ()  # names, or sets of them
    severities: tuple[int, ...] = SEVERITIES
    attack_corrupted: bool = False  # attack the corrupted images too
    calibration: Path | None = None  # file of calibrated ranges for M-TLAT's four corruptions
    conditions: tuple[str, ...] = ()  # names in CONDITIONS, of plug-ins
    audit: bool = False
    eps: tuple[float, ...] = ()
    sweep: tuple[float, ...] = ()
    norm: str | None = None
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None  # test images
    precision: str | None = None  # fp32, bf16, or auto for whichever the device computes faster; None: fp32
    threads: int = 1  # threads of each training, on a CPU
    transfer: bool = False  # evaluate each model on images crafted on each of the others too
    source: tuple[str, ...] = ()  # SPECs of external models on which images are crafted too

    def check_shard(self, shard: Shard) -> None:
        """BadInput if --shard is given with an option whose rows cannot be measured in shards."""
        whole = {"--transfer": self.transfer, "--source": self.source, "--sweep": self.sweep}
        if shard.count > 1 and any(whole.values()):
            named = next(option for option, is_given in whole.items() if is_given)
            raise BadInput(f"--shard {shard} cuts attacks alone; run {named} without it")

    def check_attack_corrupted(self) -> None:
        """BadInput if --attack-corrupted lacks attacks or corruptions, or is given with --sweep."""
        if self.attack_corrupted and not (self.attacks and self.corruptions):
            missing_option = "--corruptions" if self.attacks else "--attacks"
            raise BadInput(f"--attack-corrupted takes every attack to every corruption; name some by {missing_option}")
        if self.attack_corrupted and self.sweep:
            raise BadInput("--attack-corrupted attacks at given radii; name them by --eps in the place of --sweep")

    def check_extra(self) -> None:
        """BadInput if --extra-share is given without --extra, or is no share."""
        if self.extra_share is None:
            return
        if self.extra is None:
            raise BadInput(
                f"--extra-share {self.extra_share:g} is a share of the images of --extra FILE; give that too"
            )
        if not 0 < self.extra_share < 1:
            raise BadInput(f"--extra-share {self.extra_share:g} is no share of a batch: above 0, below 1")

    def check_calibration(self) -> None:
        """BadInput if --calibration is given and no corruption has calibrated ranges."""
        ranged = set(SETS["mtlat"]) - set(SETS["imagenet-c"])
        named = {name for text in self.corruptions for name in members(text) or [text]}
        if self.calibration and not named & ranged:
            raise BadInput(f"--calibration is of {', '.join(sorted(ranged))}, none of which --corruptions names")


def deviations(request: Request, recipes: bool) -> list[str]:
    """Options that make a training differ from its budget, as text for tables: `train-eps=0.1`, `plan.lr=0.05`.

    recipes: whether the `recipe.*` settings apply to this training.
    """
    radii = [f"train-eps={request.train_eps:g}"] if request.train_eps else []
    searched = [request.precision] if request.precision and request.precision != "fp32" else []
    threads = [f"threads={request.threads}"] if request.threads != 1 else []
    return [*radii, *searched, *threads, *(s for s in request.settings if recipes or not s.startswith("recipe."))]
