"""Test images with their places in the test set and their classes."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sample:
    """B test images, converted for the model.

    Args:
        ids: their places in the test set; consecutive where a whole block is meant.
        x: (B, C, H, W) in [0, 1].
        y: classes (B,).
    """

    ids: Sequence[int]
    x: Tensor
    y: Tensor

    def select(self, rows: Tensor) -> "Sample":
        """The images at these places of the sample, (M,) of whole numbers."""
        return Sample([self.ids[row] for row in rows.tolist()], self.x[rows], self.y[rows])
