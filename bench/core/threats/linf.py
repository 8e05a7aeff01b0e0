"""The Linf ball."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.threats.lengths import Pixels, as_factor

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Linf:
    """The Linf ball: each pixel of each channel may move by at most `eps`, and stays in [0, 1].

    Args:
        eps: radius in pixel units of [0, 1], such as 8/255; inf is the whole image range.

    Example:
        >>> import torch
        >>> from bench import Linf
        >>> x, x_adv = torch.full((1, 1, 1, 2), 0.5), torch.tensor([[[[0.9, 0.52]]]])
        >>> Linf(0.1).project(x_adv, x)
        tensor([[[[0.6000, 0.5200]]]])
    """

    eps: Pixels

    def noise(self, x: "Tensor") -> "Tensor":
        """Draw a perturbation (B, C, H, W) uniformly from the ball; x + noise is not yet clipped to [0, 1]."""
        from bench.core.rng import uniform

        return self.eps * (2 * uniform(x) - 1)

    def steepest(self, grad: "Tensor") -> "Tensor":
        """Steepest ascent direction of length 1 in Linf: the sign of the gradient, (B, C, H, W)."""
        return grad.sign()

    def move(self, x_adv: "Tensor", grad: "Tensor", length: "float | Tensor") -> "Tensor":
        """Images (B, C, H, W) a step of this length, or of these (B,), away along `steepest`; not yet projected."""
        return x_adv + as_factor(length) * self.steepest(grad)

    def project(self, x_adv: "Tensor", x: "Tensor", radii: "Tensor | None" = None) -> "Tensor":
        """The closest images to x_adv that lie in the ball around x and in [0, 1], (B, C, H, W).

        radii: (B,), the radius of each image, instead of eps.
        """
        eps = self.eps if radii is None else radii.view(-1, 1, 1, 1)
        return x_adv.clamp(x - eps, x + eps).clamp(0, 1)

    def distance(self, x_adv: "Tensor", x: "Tensor") -> "Tensor":
        """Norm of each image's perturbation x_adv - x, (B,)."""
        return (x_adv - x).flatten(1).abs().amax(1)

    def dual(self, grad: "Tensor") -> "Tensor":
        """L1 norm of each image's gradient, (B,): how much the loss rises with a distance of 1 along `steepest`."""
        return grad.flatten(1).abs().sum(1)

    @staticmethod
    def largest(pixels: int) -> float:
        """The largest distance of two images with this many values."""
        return 1.0
