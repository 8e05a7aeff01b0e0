"""Lengths of perturbations, in pixel units of [0, 1]."""

from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from torch import Tensor

Pixels = Annotated[float, "pixels"]  # a length in pixel units: scales with the data set's default eps
REFERENCE_EPS = 8 / 255  # the eps that recipes are written for


def as_factor(length: "float | Tensor") -> "float | Tensor":
    """Lengths (B,) as a factor of images, (B, 1, 1, 1); one length for all as it is."""
    return length if isinstance(length, int | float) else length.view(-1, 1, 1, 1)


def tolerance(eps: float) -> float:
    """How far outside a ball of radius eps an image may be because of fp32 rounding."""
    return 1e-6 + 1e-5 * eps
