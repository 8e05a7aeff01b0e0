"""A corrupted test image."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.data.loader import to_float
from bench.evaluation.conditions.base import Caption


@dataclass(frozen=True)
class Corrupted:
    """What a lens, the weather or a computer does to it."""

    name: str  # in CORRUPTIONS
    severity: int
    params: str  # how the images are made, as sorted JSON
    made: Callable[[Tensor, range], Tensor] = field(repr=False, compare=False)  # (images, their ids) -> the same shape

    @property
    def caption(self) -> Caption:
        label = f"{self.name} {self.severity}"
        return Caption(label, "corruption", self.name, severity=self.severity, params=self.params)

    def images(self, x: Tensor, ids: range, batch_size: int) -> Tensor:
        """Floating point images (B, C, H, W) as the condition leaves them, on their device."""
        starts = range(0, len(ids), batch_size)
        parts = [self.made(x[i : i + batch_size], ids[i : i + batch_size]).to(x.device) for i in starts]
        return to_float(torch.cat(parts))
