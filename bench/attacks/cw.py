"""The nearest image in L2 that a model gets wrong.

Carlini, Wagner, "Towards Evaluating the Robustness of Neural Networks", S&P 2017, arXiv:1608.04644.
"""

from functools import partial

import torch
from torch import Tensor, nn

from bench.attacks import ATTACKS
from bench.attacks.settings import Positive
from bench.losses import margin
from bench.search import doubt_zeros, flat, gradient, in_places
from bench.threat import Threat, length

EDGE = 0.999999  # pixels of 0 and 1 would stand at infinity, where nothing moves them


def cw_l2(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    steps: int = 40,
    searches: int = 10,
    rate: Positive = 0.01,
    c: Positive = 0.01,
    kappa: float = 50.0,
    last: bool = False,
) -> Tensor:
    """The nearest image whose margin was above kappa, or x where there was none; never projected onto the threat.

    Adam on w, where x_adv = (tanh(w) + 1) / 2, descends on |x_adv - x|^2 + c max(z_y - max_k z_k, -kappa).
    searches: times that c is chosen anew, halfway between one that succeeded and one that failed, or ten times as high.
    rate: of Adam. kappa: confidence asked of the wrong class, in logits.
    """
    parts = zip(in_places(x), in_places(y), strict=True)
    return torch.cat([_nearest(model, a, b, steps, searches, rate, c, kappa, last) for a, b in parts])


def _nearest(
    model: nn.Module, x: Tensor, y: Tensor, steps: int, searches: int, rate: float, c: float, kappa: float, last: bool
) -> Tensor:
    start = torch.atanh((2 * x - 1) * EDGE)
    low, weight = x.new_zeros(len(x)), x.new_full((len(x),), c)
    nearest, high = x.new_full((len(x),), torch.inf), x.new_full((len(x),), torch.inf)
    found, x_adv, stuck = x.clone(), x, 0
    for _ in range(searches):
        w = start.clone()
        adam, reached = torch.optim.Adam([w], rate), torch.zeros_like(y, dtype=torch.bool)
        for step in range(steps):
            x_adv = ((w.tanh() + 1) / 2).requires_grad_(step + 1 < steps)
            with torch.set_grad_enabled(x_adv.requires_grad):
                lead = margin(model(x_adv), y)
                loss = weight * (-lead).clamp_min(-kappa)
            hit, far = lead.detach() > kappa, length(x_adv.detach() - x)
            closer = hit & (far < nearest)
            found[closer], nearest = x_adv.detach()[closer], torch.where(closer, far, nearest)
            reached |= hit
            if x_adv.requires_grad:
                slope = gradient(loss, x_adv)
                x_adv = x_adv.detach()
                w.grad = (slope + 2 * (x_adv - x)) * (2 * x_adv * (1 - x_adv))
                stuck = int((flat(slope) & nearest.isinf()).sum()) if step + 2 == steps else stuck
                adam.step()
        low, high = torch.where(reached, low, weight), torch.where(reached, weight, high)
        weight = torch.where(high.isinf(), 10 * weight, (low + high) / 2)
    doubt_zeros(stuck)
    return x_adv if last else found


cw_l2.minimal = True  # type: ignore[attr-defined]
ATTACKS.add("CW-L2", cw_l2)
# what the authors of M2AT have used elsewhere, and perhaps for the CW-20 of their Table 1
ATTACKS.add("CW-L2.20x5", partial(cw_l2, steps=20, searches=5, rate=0.005, kappa=0.0))
