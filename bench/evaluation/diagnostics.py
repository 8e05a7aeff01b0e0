"""Numbers that are measured for each clean image, beside whether the model classifies it correctly."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.core.losses import cross_entropy
from bench.core.registration.checks import function_check
from bench.core.registry import Registry

Diagnostic = Callable[[nn.Module, Tensor, Tensor], Tensor]  # model, images (B, C, H, W), classes (B,) -> (B,) float64

DIAGNOSTICS: Registry[Diagnostic] = Registry("diagnostic", function_check("model", "x", "y"))


def gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Squared L2 norm of the gradient of each image's cross-entropy, in the coordinates [-1, 1] of Wang and Zhang.

    "Bilateral Adversarial Training", ICCV 2019, arXiv:1811.10716, Table 2. Where a loss saturates, it is exactly zero.

    Returns:
        (B,) float64.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (grad,) = torch.autograd.grad(cross_entropy(model(x), y).sum(), x)
    return grad.double().flatten(1).square().sum(1) / 4  # a unit there is half a unit of pixels in [0, 1]


DIAGNOSTICS.add("gradient", gradient)
