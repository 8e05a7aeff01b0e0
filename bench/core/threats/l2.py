"""The L2 ball."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.core.threats.lengths import Pixels, as_factor

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class L2:
    """The L2 ball: the change of an image, over all pixels and channels, has Euclidean norm at most `eps`.

    The image stays in [0, 1].

    Args:
        eps: radius in pixel units of [0, 1], such as 0.5; inf is the whole image range.

    Example:
        >>> import torch
        >>> from bench import L2
        >>> x, x_adv = torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.3, 0.4]]]])
        >>> L2(0.25).distance(x_adv, x), L2(0.25).project(x_adv, x)
        (tensor([0.5000]), tensor([[[[0.1500, 0.2000]]]]))
    """

    eps: Pixels

    def noise(self, x: "Tensor") -> "Tensor":
        """Draw a perturbation (B, C, H, W) uniformly from the ball; x + noise is not yet clipped to [0, 1]."""
        from bench.core.rng import normal, uniform

        direction = self.steepest(normal(x))
        return self.eps * uniform(x[:, :1, :1, :1]) ** (1 / x[0].numel()) * direction

    def steepest(self, grad: "Tensor") -> "Tensor":
        """Steepest ascent direction of length 1 in L2: the gradient of each image over its norm; zero stays zero."""
        norm = l2_norm(grad).clamp_min(1e-12)
        return grad / norm.view(-1, 1, 1, 1)

    def move(self, x_adv: "Tensor", grad: "Tensor", length: "float | Tensor") -> "Tensor":
        """Images (B, C, H, W) a step of this length, or of these (B,), away along `steepest`; not yet projected."""
        return x_adv + as_factor(length) * self.steepest(grad)

    def project(self, x_adv: "Tensor", x: "Tensor", radii: "Tensor | None" = None) -> "Tensor":
        """Project onto the ball around x, then clip to [0, 1], which stays in the ball as x lies in [0, 1].

        radii: (B,), the radius of each image, instead of eps.
        """
        change = x_adv - x
        if radii is None:
            return (x + change.renorm(p=2, dim=0, maxnorm=self.eps)).clamp(0, 1)
        share = (radii / l2_norm(change).clamp_min(1e-12)).clamp_max(1)
        return (x + share.view(-1, 1, 1, 1) * change).clamp(0, 1)

    def distance(self, x_adv: "Tensor", x: "Tensor") -> "Tensor":
        """Norm of each image's perturbation x_adv - x, (B,)."""
        return l2_norm(x_adv - x)

    def dual(self, grad: "Tensor") -> "Tensor":
        """L2 norm of each image's gradient, (B,): how much the loss rises with a distance of 1 along `steepest`."""
        return l2_norm(grad)

    @staticmethod
    def largest(pixels: int) -> float:
        """The largest distance of two images with this many values."""
        return math.sqrt(pixels)


def l2_norm(change: "Tensor") -> "Tensor":
    """Euclidean norm of each image of change (B, C, H, W), (B,)."""
    import torch

    norms: Tensor = torch.linalg.vector_norm(change.flatten(1), dim=1)
    return norms
