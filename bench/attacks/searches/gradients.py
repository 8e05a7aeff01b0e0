"""The gradients that attacks follow, of one pass or the mean of several, and the warning where they are zero.

Athalye, Engstrom, Ilyas, Kwok, "Synthesizing Robust Adversarial Examples", ICML 2018, arXiv:1707.07397, for
expectation over transformation (EOT); Athalye, Carlini, Wagner 2018, arXiv:1802.00420, for models that are random.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.core.errors import AttackWarning, BadInput


def gradient(loss: Tensor, x: Tensor) -> Tensor:
    """Gradient (B, C, H, W) of each image's loss (B,) with respect to it; BadInput if the model gives none."""
    (grad,) = torch.autograd.grad(loss.sum(), x, allow_unused=True) if loss.requires_grad else (None,)
    if grad is None:
        raise BadInput(
            "the model gives its images no gradient (does it detach them, leave torch, or end in argmax?); "
            "mend that, or attack it with Square, which needs none"
        )
    return grad


def mean_gradient(
    model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, goal: Tensor, eot: int = 1
) -> tuple[Tensor, Tensor]:
    """Logits (B, K), detached, and the gradient (B, C, H, W) of each image's loss: the means of several passes.

    The gradient of the expected loss of a random model f_t, grad E_t l(f_t(x)) = E_t grad l(f_t(x)), is estimated by
    1/n sum_i grad l(f_i(x)), with f_1, ..., f_n its draws in n = `eot` passes.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        loss: (logits (B, K), goal (B, ...)) -> the objective of each image, (B,).
        x: images (B, C, H, W) that require a gradient.
        goal: given to the loss, (B, ...), such as the true classes.
        eot: passes, from 1, one after another, so that memory holds one.

    Raises:
        BadInput: the model gives its images no gradient.
    """
    logits, grad = _one_pass(model, loss, x, goal)
    for _ in range(eot - 1):
        others = _one_pass(model, loss, x, goal)
        logits, grad = logits + others[0], grad + others[1]
    return (logits, grad) if eot == 1 else (logits / eot, grad / eot)


def _one_pass(
    model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, goal: Tensor
) -> tuple[Tensor, Tensor]:
    logits = model(x)
    return logits.detach(), gradient(loss(logits, goal), x)


def has_no_gradient(grad: Tensor) -> Tensor:
    """Which images have a gradient that is zero everywhere, (B,) bool."""
    return ~grad.flatten(1).any(1)


def warn_zero_gradients(images: int) -> None:
    """Warn that the ascent had a zero gradient on a number of images, so that these may not be robust."""
    if images:
        warnings.warn(AttackWarning("zero gradients", images), stacklevel=3)
