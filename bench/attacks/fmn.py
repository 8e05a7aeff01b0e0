"""FMN: the nearest image in Linf, L2 or L1 that a model gets wrong.

Pintor, Roli, Brendel, Biggio, "Fast Minimum-norm Adversarial Attacks through Adaptive Norm Constraints", NeurIPS 2021,
arXiv:2102.12827.
"""

import math
from functools import partial

import torch
from torch import Tensor, nn

from bench.attacks.searches.gradients import has_no_gradient, mean_gradient, warn_zero_gradients
from bench.attacks.searches.search import attack_in_batches
from bench.attacks.settings import Positive, Share
from bench.attacks.spec import ATTACKS
from bench.core.losses import margin
from bench.core.threats.l2 import L2
from bench.core.threats.threat import Threat

LAST_ALPHA, LAST_GAMMA = 0.01, 0.001  # the last step, as a share of the first; the last change of the radius
# where a model is linear, the tangent's boundary is its own, and rounding would decide there
BOUNDARY_OVERSHOOT = 1.001


@attack_in_batches
def fmn(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    steps: int = 100,
    alpha: Positive = 1.0,
    gamma: Share = 0.05,
) -> Tensor:
    """FMN: ascent on the margin inside a ball whose radius is adapted to the nearest error so far.

    x_adv <- project(x_adv + alpha_k g / |g|_2) onto the ball of radius eps_k around x, where g is the gradient of the
    margin L = max_{j != y} z_j - z_y, and the radius follows Algorithm 1 of the paper: eps_k = |x_adv - x| + |L| / |g|*
    while no error was found, with the dual norm |.|*, the distance to the boundary of the model's tangent; then
    eps_{k-1} (1 + gamma_k) where x_adv is right, and min(eps_{k-1} (1 - gamma_k), nearest) where it is wrong. alpha_k
    and gamma_k fall along a half cosine. What the paper does not have is that the first radii are a thousandth larger,
    as images stay on the boundary of a linear model otherwise. Source: Pintor et al. 2021, arXiv:2102.12827.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: its norm is the one of distances; its radius is not used: the search goes as far as it must.
        steps: gradient steps.
        alpha: length of the first step in L2, in pixel units of [0, 1]; the last is a hundredth of it. If it is many
            times the distance, pixels that cannot move may keep the search in L2 from any error.
        gamma: share by which the radius changes in the first step; in the last it is 0.001.

    Returns:
        Images (B, C, H, W) in [0, 1]: the nearest misclassified iterates, and x where there were none.

    Raises:
        BadInput: the model gives its images no gradient.
    """
    x_adv, found = x.clone(), x.clone()
    farthest = threat.distance(torch.maximum(x, 1 - x), torch.zeros_like(x))  # of all images
    radii, nearest, stuck = torch.full_like(farthest, torch.inf), torch.full_like(farthest, torch.inf), 0
    for step in range(steps):
        share = (1 + math.cos(math.pi * step / steps)) / 2
        change = LAST_GAMMA + (gamma - LAST_GAMMA) * share
        logits, grad = mean_gradient(model, margin, x_adv.requires_grad_(), y)
        x_adv, wrong = x_adv.detach(), logits.argmax(1) != y

        far = threat.distance(x_adv, x)
        closer = wrong & (far < nearest)
        found[closer], nearest = x_adv[closer], torch.where(closer, far, nearest)
        to_boundary = margin(logits, y).abs() / threat.dual(grad).clamp_min(1e-12)
        wider = torch.where(nearest.isinf(), BOUNDARY_OVERSHOOT * (far + to_boundary), radii * (1 + change))
        radii = torch.where(wrong, torch.minimum(radii * (1 - change), nearest), wider).minimum(farthest)

        length = alpha * (LAST_ALPHA + (1 - LAST_ALPHA) * share)
        x_adv = threat.project(L2(math.inf).move(x_adv, grad, length), x, radii)
        stuck = int((has_no_gradient(grad) & nearest.isinf()).sum())
    warn_zero_gradients(stuck)
    return found


for norm in ("Linf", "L2", "L1"):
    attack = partial(fmn)
    attack.minimal = norm  # type: ignore[attr-defined]
    ATTACKS.add(f"FMN-{norm}", attack, f"the nearest adversarial image in {norm}, however far (Pintor)")
