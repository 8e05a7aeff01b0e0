"""DDN: the nearest image in L2 that a model gets wrong.

Rony, Hafemann, Oliveira, Ben Ayed, Sabourin, Granger, "Decoupling Direction and Norm for Efficient Gradient-Based L2
Adversarial Attacks and Defenses", CVPR 2019, arXiv:1811.09600.
"""

import math

import torch
from torch import Tensor, nn

from bench.attacks.searches.gradients import has_no_gradient, mean_gradient, warn_zero_gradients
from bench.attacks.searches.search import attack_in_batches
from bench.attacks.settings import Positive, Share
from bench.attacks.spec import ATTACKS
from bench.core.losses import cross_entropy
from bench.core.rng import image_rows, normal
from bench.core.threats.l2 import l2_norm
from bench.core.threats.threat import Threat

LAST_STEP = 0.01  # length of the last step, where the first has length 1


@attack_in_batches
def ddn(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    steps: int = 100,
    gamma: Share = 0.05,
    radius: Positive = 1.0,
) -> Tensor:
    """DDN: ascent on the cross-entropy along a sphere that shrinks where the image is wrong, and else grows.

    d <- d + alpha_k g / |g|_2, then d <- eps_k d / |d|_2 and the image is cut to [0, 1], where eps_k is
    (1 - gamma) eps_{k-1} if x + d was wrong and (1 + gamma) eps_{k-1} if it was right; alpha falls from 1 to 0.01 along
    a half cosine. A zero gradient is replaced by a random direction. The paper also rounds images to 256 levels; here
    no attack does. Source: Rony et al. 2019, arXiv:1811.09600, Algorithm 1.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: not used: the search goes as far as it must.
        steps: gradient steps.
        gamma: share by which the radius changes in each step.
        radius: of the first sphere, in pixel units of [0, 1].

    Returns:
        Images (B, C, H, W) in [0, 1]: the nearest misclassified iterates, and x where there were none.

    Raises:
        BadInput: the model gives its images no gradient.
    """
    x_adv, found = x.clone(), x.clone()
    farthest = l2_norm(torch.maximum(x, 1 - x))
    radii, nearest, stuck = torch.full_like(farthest, radius), torch.full_like(farthest, torch.inf), 0
    for step in range(steps):
        length = LAST_STEP + (1 - LAST_STEP) * (1 + math.cos(math.pi * step / steps)) / 2
        logits, grad = mean_gradient(model, cross_entropy, x_adv.requires_grad_(), y)
        x_adv, wrong, flat = x_adv.detach(), logits.argmax(1) != y, has_no_gradient(grad)

        far = l2_norm(x_adv - x)
        closer = wrong & (far < nearest)
        found[closer], nearest = x_adv[closer], torch.where(closer, far, nearest)
        if flat.any():
            with image_rows(flat.nonzero()[:, 0].tolist(), [step] * int(flat.sum())):
                grad[flat] = normal(grad[flat])
        change = x_adv - x + length * grad / _as_factor(l2_norm(grad))
        radii = (radii * torch.where(wrong, 1 - gamma, 1 + gamma)).minimum(farthest)
        x_adv = (x + change * _as_factor(radii) / _as_factor(l2_norm(change))).clamp(0, 1)
        stuck = int((flat & nearest.isinf()).sum())
    warn_zero_gradients(stuck)
    return found


def _as_factor(lengths: Tensor) -> Tensor:
    """Lengths (B,) as a factor or divisor of images, (B, 1, 1, 1)."""
    return lengths.clamp_min(1e-12).view(-1, 1, 1, 1)


ddn.minimal = "L2"  # type: ignore[attr-defined]
ATTACKS.add("DDN", ddn, "the nearest adversarial image in L2, however far (Rony)")
