"""Threat models: the set of images an adversary may show instead of x. Pixels live in [0, 1]."""

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
        """A uniformly random perturbation of each image, not yet clipped to the image range."""
        return self.eps * (2 * uniform(x) - 1)

    def steepest(self, grad: Tensor) -> Tensor:
        """The step of length one, in this norm, that raises the objective fastest."""
        return grad.sign()

    def project(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """The allowed image that is closest to x_adv."""
        return x_adv.clamp(x - self.eps, x + self.eps).clamp(0, 1)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Size of each perturbation, (B,)."""
        return (x_adv - x).flatten(1).abs().amax(1)


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
        """A perturbation drawn uniformly from the ball, not yet clipped to the image range."""
        direction = self.steepest(normal(x))
        return self.eps * uniform(x[:, :1, :1, :1]) ** (1 / x[0].numel()) * direction

    def steepest(self, grad: Tensor) -> Tensor:
        """The gradient of each image at Euclidean length one; a zero gradient stays zero."""
        norm = l2_norm(grad).clamp_min(1e-12)
        return grad / norm.view(-1, 1, 1, 1)

    def project(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Into the ball, then into [0, 1]; the second never leaves the ball, as x is an image itself."""
        return (x + (x_adv - x).renorm(p=2, dim=0, maxnorm=self.eps)).clamp(0, 1)

    def distance(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """Size of each perturbation, (B,)."""
        return l2_norm(x_adv - x)


def tolerance(eps: float) -> float:
    """By how much fp32 arithmetic may leave a ball."""
    return 1e-6 + 1e-5 * eps


def l2_norm(change: Tensor) -> Tensor:
    """Euclidean norm of each image's change, (B,)."""
    norms: Tensor = torch.linalg.vector_norm(change.flatten(1), dim=1)
    return norms


Threat = Linf | L2  # every function that takes a threat model takes either


NORMS: dict[str, type[Linf] | type[L2]] = {"Linf": Linf, "L2": L2}
