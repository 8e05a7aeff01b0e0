"""What every condition is: the columns of its row, how it is measured, and what that costs."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from torch import Tensor

from bench.attacks.nested_search import Effort
from bench.core.errors import BadInput, UnknownName
from bench.core.registrable import describe
from bench.core.registry import Registry
from bench.core.stats import Summary, wilson
from bench.core.threat import Threat
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.outcome import Outcome
from bench.evaluation.target import Target
from bench.results.consistency import is_kind
from bench.results.row import Row

EMPTY: dict[str, object] = {"name": "", "threat": None, "severity": None, "params": ""}  # columns a class may lack


@dataclass(frozen=True, eq=False)
class Batch:
    """A block of test images, as the model takes them."""

    ids: range  # in the test set
    x: Tensor  # (B, C, H, W) in [0, 1]
    y: Tensor  # (B,) classes
    counted: int  # the first of them; the others only complete the block that an attack draws for
    album: AdversarialSet | None = None  # takes the images that an attack breaks


class Condition(ABC):
    """What is done to the test images before a model is judged on them. One condition gives one row.

    A subclass is a frozen dataclass, whose repr is part of the key of the row: it tells conditions apart. Its columns
    `name`, `threat`, `severity` and `params` are fields or properties; those that it does not have are empty.

    Example:
        >>> from dataclasses import dataclass
        >>> import torch
        >>> from bench import Condition, Images, is_correct, outcomes
        >>> @dataclass(frozen=True)
        ... class Mirrored(Condition):
        ...     kind = "x-mirrored"
        ...     label = "mirrored"
        ...
        ...     def measure(self, target, batch, outcome):
        ...         return is_correct(target.model, batch.x.flip(3), batch.y, target.batch_size)
        >>> model = torch.nn.Flatten()  # the brightest of two pixels is the class
        >>> images = Images(torch.tensor([[[[0.9, 0.1]]], [[[0.9, 0.1]]]]), torch.tensor([0, 1]))
        >>> outcomes(model, images, Mirrored()).right
        array([False,  True])
    """

    kind: ClassVar[str]  # the column; several classes may have one, if their metrics differ
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)  # what the value of a row may be
    sharded: ClassVar[bool] = False  # whether --shard cuts it; else the first shard measures it whole
    searches: ClassVar[bool] = False  # whether it needs gradients, and so the fast copy of the model
    repeatable: ClassVar[bool] = False  # whether `from_row` can rebuild it
    without_images: ClassVar[str] = ""  # why --save-adv cannot be asked for beside it

    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """Of the attack or corruption."""

        @property
        def threat(self) -> Threat | None:
            """The ball around each image."""

        @property
        def severity(self) -> int | None:
            """From 1 to 5."""

        @property
        def params(self) -> str:
            """Its settings, as sorted JSON."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for column, value in EMPTY.items():
            if column not in inspect.get_annotations(cls) and not hasattr(cls, column):
                setattr(cls, column, value)

    @classmethod
    def list_for(cls, balls: Sequence[Threat]) -> Sequence["Condition"]:
        """What `--conditions NAME` stands for. balls: those to evaluate in, one at least."""
        raise BadInput(f"--conditions is for kinds of plug-ins, and options of its own ask for kind {cls.kind}")

    @property
    @abstractmethod
    def label(self) -> str:
        """The condition in a few words, e.g. `PGD-20 Linf 0.2`."""

    @property
    def metric(self) -> str:
        """What the value of its row is."""
        return "accuracy"

    @property
    def key_params(self) -> str:
        """What else than its repr determines the outcome, such as the version of an attack's package."""
        return ""

    @property
    def block(self) -> int | None:
        """How many consecutive images must be seen together; None where each is by itself."""
        return None

    @property
    def keeps_images(self) -> bool:
        """Whether --save-adv stores the images that it breaks."""
        return False

    @property
    def effort(self) -> Effort | None:
        """Steps and restarts of a search of which fewer would be the beginning; None of anything else."""
        return None

    def includes(self, other: "Condition") -> bool:
        """Whether the search for this condition passes through the end of the other's."""
        return False

    def base(self) -> "Condition":
        """The condition that is measured, from whose outcome this one's is read."""
        return self

    @abstractmethod
    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        """Which images of the batch are right, (B,) bool. Costs, doubts and values of the counted go to the outcome."""

    def read(self, outcome: Outcome) -> Outcome:
        """The outcome of this condition, from that of its base."""
        return outcome

    @classmethod
    def summarise(cls, metric: str, outcome: Outcome) -> Summary:
        """The value of a row, its interval, and the images that it is of. metric: one of the class."""
        n, right = len(outcome.right), int(outcome.right.sum())
        return right / n, *wilson(right, n), n

    def value(self, outcome: Outcome) -> Summary:
        """As `summarise`, of this condition. outcome: its own, as of `read`."""
        return self.summarise(self.metric, outcome)

    def cost(self, n: int) -> float:
        """Forward passes of judging n images, a backward counted as two, where a usual model takes usual effort."""
        return float(n)

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """The condition that a row was measured under. BadInput where that can no longer be had."""
        raise BadInput(f"a condition of kind {row.kind} cannot be rebuilt from its row")


def check_condition(name: str, item: object) -> str:
    """What keeps an item from being a class of conditions whose rows can be stored."""
    if not isinstance(item, type) or not issubclass(item, Condition):
        return f"is {describe(item)}; a condition is a subclass of Condition"
    kind = getattr(item, "kind", None)
    if not isinstance(kind, str) or not is_kind(kind):
        return f"has the kind {kind!r}; a kind of yours begins with x-, such as x-{name.lower()}"
    return ""


CONDITIONS: Registry[type[Condition]] = Registry("condition", check_condition, folder="bench.evaluation.conditions")


def class_of(row: Row) -> type[Condition] | None:
    """The class of a row's condition; None where it is not registered, as without the plug-in that has it."""
    classes = (each for each in CONDITIONS.values() if each.kind == row.kind and row.metric in each.metrics)
    return next(classes, None)


def find_class(row: Row) -> type[Condition]:
    """As `class_of`. UnknownName where there is none."""
    if found := class_of(row):
        return found
    raise UnknownName(f"no condition of kind {row.kind} has the metric {row.metric!r}; name its plug-in with --plugin")
