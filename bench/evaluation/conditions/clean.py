"""The condition of clean images."""

from dataclasses import dataclass

from torch import Tensor

from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.target import Target
from bench.results.kinds import CLEAN
from bench.results.row import Row


@dataclass(frozen=True)
class Clean(Condition):
    """The condition that leaves the test image as it is.

    Example:
        >>> import torch
        >>> from bench import Clean, Images, outcomes
        >>> model = torch.nn.Flatten()  # the brightest of two pixels is the class
        >>> images = Images(torch.tensor([[[[0.9, 0.1]]], [[[0.9, 0.1]]]]), torch.tensor([0, 1]))
        >>> outcomes(model, images, Clean()).right
        array([ True, False])
    """

    kind = CLEAN
    repeatable = True

    @property
    def label(self) -> str:
        return "clean"

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        return is_correct(target.model, batch.x, batch.y, target.batch_size)

    @classmethod
    def from_row(cls, row: Row) -> "Clean":
        return cls()


CONDITIONS.add("clean", Clean)
