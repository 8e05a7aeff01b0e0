"""What an exhibit is, and what it is measured on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from bench.core.registrable import instance_check
from bench.core.registry import Registry
from bench.core.threat import Threat
from bench.data.dataset import Images

Columns = Mapping[str, Sequence[object]]  # of a table, all equally long


@dataclass(frozen=True)
class ExhibitInput:
    """A finished model, and what it is looked at with."""

    model: nn.Module  # in eval mode, on the device of the images
    start: nn.Module | None  # the finished model that it was trained on, if on any
    images: Images  # of the test set, the first ones
    threat: Threat  # the data set's own


@dataclass(frozen=True)
class Exhibit:
    """A table of a model. Failed where the model has not what it is about."""

    measure: Callable[[ExhibitInput], Columns]
    most: int | None = None  # test images that it looks at; None: all that are judged
    beside_start: bool = False  # it compares the model with the one that it was trained on


EXHIBITS: Registry[Exhibit] = Registry(
    "exhibit", instance_check(Exhibit, "wanted: an Exhibit"), folder="bench.evaluation.exhibits"
)
