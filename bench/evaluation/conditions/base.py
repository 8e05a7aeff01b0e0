"""The base class of conditions: the columns of a row, how it is measured, and its cost."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from torch import Tensor

from bench.attacks.searches.nested_search import Effort
from bench.core.errors import BadInput, UnknownName
from bench.core.registration.checks import describe
from bench.core.registry import Registry
from bench.core.stats import Summary, wilson
from bench.core.threats.threat import Threat
from bench.evaluation.adversarial_set import AdversarialSet
from bench.evaluation.outcome import Outcome
from bench.evaluation.sample import Sample
from bench.evaluation.target import Target
from bench.results.kinds import KINDS_WITH_CORRUPTION, is_kind
from bench.results.row import Row

DEFAULT_COLUMNS: dict[str, object] = {"name": "", "threat": None, "severity": None, "params": ""}  # where not set


@dataclass(frozen=True, eq=False)
class Batch(Sample):
    """A block of B consecutive test images: their places, images and classes as in `Sample`."""

    ids: range
    counted: int  # the first images that count; the rest only completes the block of an attack that draws per block
    adversarial_set: AdversarialSet | None = None  # collects the adversarial images


class Condition(ABC):
    """What is done to the test images before a model is evaluated on them. One condition gives one row.

    A subclass is a frozen dataclass. Its repr goes into the key of the row, so two conditions must not share one. The
    columns `name`, `threat`, `severity` and `params` are fields or properties; those that it lacks are empty. Corrupted
    images alone have a severity: the settings of a plug-in's kind are `params`.

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

    kind: ClassVar[str]  # the column `kind`; classes with different metrics may share one
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)  # what its row may state in the column `metric`
    sharded: ClassVar[bool] = False  # whether --shard splits it; otherwise the first shard measures all images
    searches: ClassVar[bool] = False  # whether it needs gradients, and so the fast copy of the model
    repeatable: ClassVar[bool] = False  # whether `from_row` can rebuild it
    without_images: ClassVar[str] = ""  # why it cannot be combined with --save-adv; empty if it can

    if TYPE_CHECKING:

        @property
        def name(self) -> str:
            """The attack, corruption or diagnostic."""

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
        for column, value in DEFAULT_COLUMNS.items():
            if column not in inspect.get_annotations(cls) and not hasattr(cls, column):
                setattr(cls, column, value)

    @classmethod
    def list_for(cls, balls: Sequence[Threat]) -> Sequence["Condition"]:
        """The conditions that `--conditions NAME` adds. balls: the threat models of the evaluation, at least one.

        By default BadInput: kinds of the bench have options of their own.
        """
        raise BadInput(f"--conditions is for kinds of plug-ins, and options of its own ask for kind {cls.kind}")

    @property
    @abstractmethod
    def label(self) -> str:
        """A short description for logs and messages, e.g. `PGD-20 Linf 0.2`."""

    @property
    def metric(self) -> str:
        """What the value of its row measures: one of `metrics`."""
        return "accuracy"

    @property
    def key_params(self) -> str:
        """What determines the outcome besides its repr, such as the version of an attack's package."""
        return ""

    @property
    def block(self) -> int | None:
        """How many consecutive images must be measured together; None where images are independent."""
        return None

    @property
    def keeps_images(self) -> bool:
        """Whether --save-adv stores its adversarial images."""
        return False

    @property
    def effort(self) -> Effort | None:
        """(steps, restarts), from 1, of an attack whose shorter runs are prefixes of it; None for any other condition.

        Raises:
            UnknownName: the attack is not registered (any more).
        """
        return None

    def includes(self, other: "Condition") -> bool:
        """Whether the other condition's search is a prefix of this one's: the same ball, and settings but for `effort`.

        False for a condition of any other class. Raises as `effort` does.
        """
        return False

    def base(self) -> "Condition":
        """The condition that is measured in its place, such as the whole sweep for one radius of it."""
        return self

    @abstractmethod
    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        """Which images of the batch the model classifies correctly, (B,) bool.

        outcome: passes, seconds and doubts are added to it, and values (if the condition has any) of the images that
            count.
        """

    def read(self, outcome: Outcome) -> Outcome:
        """The outcome of this condition, given that of its `base()`."""
        return outcome

    @classmethod
    def summarise(cls, metric: str, outcome: Outcome) -> Summary:
        """Value, lower and upper bound of its interval, and number of images. metric: one of `metrics`."""
        n, right = len(outcome.right), int(outcome.right.sum())
        return right / n, *wilson(right, n), n

    def value(self, outcome: Outcome) -> Summary:
        """As `summarise`, for the metric of this condition. outcome: as returned by `read`."""
        return self.summarise(self.metric, outcome)

    def cost(self, n: int) -> float:
        """Estimated forward passes to evaluate n images, from 0, of a typical model, a backward pass counted as two.

        Raises:
            UnknownName: its attack is not registered (any more).
        """
        return float(n)

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Rebuild the condition of a row. BadInput where that is not possible, as after a change of the attack."""
        raise BadInput(f"a condition of kind {row.kind} cannot be rebuilt from its row")


def check_condition(name: str, item: object) -> str:
    """Why an item cannot be registered as a class of conditions; empty if it can."""
    if not isinstance(item, type) or not issubclass(item, Condition):
        return f"is {describe(item)}; a condition is a subclass of Condition"
    kind = getattr(item, "kind", None)
    if not isinstance(kind, str) or not is_kind(kind):
        return f"has the kind {kind!r}; a kind of yours begins with x-, such as x-{name.lower()}"
    if kind not in KINDS_WITH_CORRUPTION and inspect.getattr_static(item, "severity", "a field") is not None:
        return f"has a severity, as corruptions have; put the settings of kind {kind} into its params"
    return ""


CONDITIONS: Registry[type[Condition]] = Registry("condition", check_condition, folder="bench.evaluation.conditions")


def class_of(row: Row) -> type[Condition] | None:
    """The class of a row's condition; None where it is not registered, as without its plug-in."""
    classes = (each for each in CONDITIONS.values() if each.kind == row.kind and row.metric in each.metrics)
    return next(classes, None)


def find_class(row: Row) -> type[Condition]:
    """As `class_of`, but raises UnknownName where there is none."""
    if found := class_of(row):
        return found
    raise UnknownName(f"no condition of kind {row.kind} has the metric {row.metric!r}; name its plug-in with --plugin")
