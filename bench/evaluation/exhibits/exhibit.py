"""The types of exhibits and of their inputs, and the registry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from bench.core.registration.checks import instance_check
from bench.core.registry import Registry
from bench.core.threats.threat import Threat
from bench.data.images import Images

Columns = Mapping[str, Sequence[object]]  # a table by column, all of one length


@dataclass(frozen=True)
class ExhibitInput:
    """What an exhibit is measured on: a finished model, test images and a threat model."""

    model: nn.Module  # in eval mode, on the device of the images
    start: nn.Module | None  # the finished model whose training it continued, if any
    images: Images  # the first ones of the test set
    threat: Threat  # the data set's own


@dataclass(frozen=True)
class Exhibit:
    """A function that measures a table; it raises Failed where the model lacks the layers that it needs."""

    measure: Callable[[ExhibitInput], Columns]
    max_images: int | None = None  # test images that it needs; None: all that are evaluated
    beside_start: bool = False  # whether it compares the model with `ExhibitInput.start`


EXHIBITS: Registry[Exhibit] = Registry(
    "exhibit", instance_check(Exhibit, "wanted: an Exhibit"), folder="bench.evaluation.exhibits"
)
