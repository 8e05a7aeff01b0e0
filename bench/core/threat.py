"""Threat models: the set of images that an adversary may show instead of x. Pixel values lie in [0, 1]."""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from bench.core.rng import normal, uniform

Pixels = Annotated[float, "pixels"]  # a length in pixel units: scales with the data set's default eps
REFERENCE_EPS = 8 / 255  # the eps that recipes are written for


@dataclass(frozen=True)
class Linf:
    """The Linf ball: each pixel of each channel may move by at most `eps`, and stays in [0, 1].

    Args:
        eps: radius in pixel units of [0, 1], such as 8/255.

    Example:
        >>> import torch
        >>> from bench import Linf
        >>> x, x_adv = torch.full((1, 1, 1, 2), 0.5), torch.tensor([[[[0.9, 0.52]]]])
        >>> Linf(0.1).project(x_adv, x)
        tensor([[[[0.6000, 0.5200]]]])
    """

    eps: Pixels

    def noise(self, x: Tensor) -> Tensor:
        """Draw a perturbation (B, C, H, W) uniformly from the ball; x + noise is not yet clipped to [0, 1]."""
        return self.eps * (2 * uniform(x) - 1)

    def steepest(self, grad: Tensor) -> Tensor:
        """Steepest ascent direction of length 1 in Linf: the sign of the gradient, (B, C, H, W)."""
        return grad.sign()

    def project(self, x_adv: Tensor, x: Tensor, radii: Tensor | None = None) -> Tensor:
        """The closest images to x_adv that lie in the ball around x and in [0, 1], (B, C, H, W).

        radii: (B,), the radius of each image, instead of eps.
        """
        eps = self.eps if radii is None else radii.view(-1, 1, 1, 1)
        return x_adv.clamp(x - eps, x + eps).clamp(0, 1)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Norm of each image's perturbation x_adv - x, (B,)."""
        return (x_adv - x).flatten(1).abs().amax(1)

    def dual(self, grad: Tensor) -> Tensor:
        """L1 norm of each image's gradient, (B,): how much the loss rises with a distance of 1 along `steepest`."""
        return grad.flatten(1).abs().sum(1)


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

    def noise(self, x: Tensor) -> Tensor:
        """Draw a perturbation (B, C, H, W) uniformly from the ball; x + noise is not yet clipped to [0, 1]."""
        direction = self.steepest(normal(x))
        return self.eps * uniform(x[:, :1, :1, :1]) ** (1 / x[0].numel()) * direction

    def steepest(self, grad: Tensor) -> Tensor:
        """Steepest ascent direction of length 1 in L2: the gradient of each image over its norm; zero stays zero."""
        norm = l2_norm(grad).clamp_min(1e-12)
        return grad / norm.view(-1, 1, 1, 1)

    def project(self, x_adv: Tensor, x: Tensor, radii: Tensor | None = None) -> Tensor:
        """Project onto the ball around x, then clip to [0, 1], which stays in the ball as x lies in [0, 1].

        radii: (B,), the radius of each image, instead of eps.
        """
        change = x_adv - x
        if radii is None:
            return (x + change.renorm(p=2, dim=0, maxnorm=self.eps)).clamp(0, 1)
        share = (radii / l2_norm(change).clamp_min(1e-12)).clamp_max(1)
        return (x + share.view(-1, 1, 1, 1) * change).clamp(0, 1)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Norm of each image's perturbation x_adv - x, (B,)."""
        return l2_norm(x_adv - x)

    def dual(self, grad: Tensor) -> Tensor:
        """L2 norm of each image's gradient, (B,): how much the loss rises with a distance of 1 along `steepest`."""
        return l2_norm(grad)


def tolerance(eps: float) -> float:
    """How far outside a ball of radius eps an image may be because of fp32 rounding."""
    return 1e-6 + 1e-5 * eps


def l2_norm(change: Tensor) -> Tensor:
    """Euclidean norm of each image of change (B, C, H, W), (B,)."""
    norms: Tensor = torch.linalg.vector_norm(change.flatten(1), dim=1)
    return norms


Threat = Linf | L2  # every function that takes a threat model takes either


NORMS: dict[str, type[Linf] | type[L2]] = {"Linf": Linf, "L2": L2}
