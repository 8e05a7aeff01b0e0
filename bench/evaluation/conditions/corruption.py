"""The condition of corrupted images."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.data.loader import to_float
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.target import Target
from bench.results.kinds import CORRUPTION


@dataclass(frozen=True)
class Corrupted(Condition):
    """The condition of a corruption (Hendrycks and Dietterich 2019) at one severity."""

    kind = CORRUPTION

    name: str  # in CORRUPTIONS
    severity: int  # from 1 to 5
    params: str  # settings of the corruption, or the published set, as sorted JSON
    made: Callable[[Tensor, range], Tensor] = field(repr=False, compare=False)  # (images, their ids) -> the same shape

    @property
    def label(self) -> str:
        return f"{self.name} {self.severity}"

    def images(self, x: Tensor, ids: range, batch_size: int) -> Tensor:
        """Corrupt images: (B, C, H, W) to floating point (B, C, H, W) in [0, 1], on the same device."""
        starts = range(0, len(ids), batch_size)
        parts = [self.made(x[i : i + batch_size], ids[i : i + batch_size]).to(x.device) for i in starts]
        return to_float(torch.cat(parts))

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        x = self.images(batch.x, batch.ids, target.batch_size)
        return is_correct(target.model, x, batch.y, target.batch_size)


CONDITIONS.add("corruption", Corrupted)
