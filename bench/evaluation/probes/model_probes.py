"""Probes of a model by itself, image by image: what its logits, gradients and loss give away about gradient masking."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.core.losses import cross_entropy
from bench.core.threats.linf import Linf
from bench.core.threats.threat import Threat

CALLS_COMPARED = 5  # this and the tolerances are AutoAttack's (pyautoattack.checks)
LOGIT_TOLERANCE, SUM_TOLERANCE = 1e-4, 1e-5
POINTS_ALONG_STEP = 10  # between the image and the end of a step along its gradient
HALF_STEP = 1 / 510  # half a step of 8-bit pixels in [0, 1]


def input_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of each image's cross-entropy, (B, C, H, W); zero where autograd has none."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        loss = cross_entropy(model(x), y).sum()
        grad = torch.autograd.grad(loss, x, allow_unused=True)[0] if loss.requires_grad else None
    return torch.zeros_like(x) if grad is None else grad


@torch.no_grad()
def has_changing_logits(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """Whether the logits of an image change from call to call, (B,) bool."""
    first, *others = (nn.functional.normalize(model(x)) for _ in range(CALLS_COMPARED))
    differences = torch.stack([torch.linalg.vector_norm(first - other, dim=1) for other in others])
    return (differences > LOGIT_TOLERANCE).any(dim=0)


@torch.no_grad()
def is_distribution(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """Whether the outputs for an image are non-negative and sum to 1, (B,) bool."""
    outputs: Tensor = model(x)
    return (outputs > -SUM_TOLERANCE).all(1) & ((outputs.sum(1) - 1).abs() < SUM_TOLERANCE)


def has_zero_gradient(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """Whether the gradient of the loss is exactly zero, (B,) bool."""
    return ~input_gradient(model, x, y).flatten(1).any(1)


@torch.no_grad()
def has_flat_loss(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """Whether no point on a step of length eps along the gradient has a higher loss than the image, (B,) bool.

    The loss is computed in float64 from the logits: in float32 that of a confident image is rounded to 0.
    """
    step, loss = threat.eps * threat.steepest(input_gradient(model, x, y)), cross_entropy(model(x).double(), y)
    ways = (threat.project(x + point / POINTS_ALONG_STEP * step, x) for point in range(1, POINTS_ALONG_STEP + 1))
    losses = torch.stack([cross_entropy(model(z).double(), y) for z in ways])
    return (losses <= loss).all(0)


@torch.no_grad()
def breaks_under_noise(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """Whether random noise of at most half an 8-bit step (or eps if smaller) makes the model wrong, (B,) bool."""
    ball = Linf(min(HALF_STEP, threat.eps))
    logits: Tensor = model(ball.project(x + ball.noise(x), x))
    return logits.argmax(1) != y


PROBES: dict[str, Callable[[nn.Module, Tensor, Tensor, Threat], Tensor]] = {
    "changing": has_changing_logits,
    "probabilities": is_distribution,
    "zero-gradient": has_zero_gradient,
    "flat": has_flat_loss,
    "noise": breaks_under_noise,
}
