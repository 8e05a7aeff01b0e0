"""What can be measured of a model on clean images beside its accuracy: one number an image."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.core.losses import cross_entropy
from bench.core.registrable import function_check
from bench.core.registry import Registry

Diagnostic = Callable[[nn.Module, Tensor, Tensor], Tensor]  # model, images (B, C, H, W), classes (B,) -> (B,) float64

DIAGNOSTICS: Registry[Diagnostic] = Registry("diagnostic", function_check("model", "x", "y"))


def gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Squared L2 norm of the gradient of each image's cross-entropy, in the coordinates [-1, 1] of Wang and Zhang.

    "Bilateral Adversarial Training", ICCV 2019, arXiv:1811.10716, Table 2. Exact zeros are legitimate.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (grad,) = torch.autograd.grad(cross_entropy(model(x), y).sum(), x)
    return grad.double().flatten(1).square().sum(1) / 4  # half a pixel unit is a unit there


DIAGNOSTICS.add("gradient", gradient)
