"""A corrupted test image."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.data.loader import to_float
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.target import Target


@dataclass(frozen=True)
class Corrupted(Condition):
    """What a lens, the weather or a computer does to it."""

    kind = "corruption"

    name: str  # in CORRUPTIONS
    severity: int
    params: str  # how the images are made, as sorted JSON
    made: Callable[[Tensor, range], Tensor] = field(repr=False, compare=False)  # (images, their ids) -> the same shape

    @property
    def label(self) -> str:
        return f"{self.name} {self.severity}"

    def images(self, x: Tensor, ids: range, batch_size: int) -> Tensor:
        """Floating point images (B, C, H, W) as the condition leaves them, on their device."""
        starts = range(0, len(ids), batch_size)
        parts = [self.made(x[i : i + batch_size], ids[i : i + batch_size]).to(x.device) for i in starts]
        return to_float(torch.cat(parts))

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        x = self.images(batch.x, batch.ids, target.batch_size)
        return is_correct(target.model, x, batch.y, target.batch_size)


CONDITIONS.add("corruption", Corrupted)
