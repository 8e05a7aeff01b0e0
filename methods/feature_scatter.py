"""Feature scattering (FS).

Zhang, Wang, "Defense Against Adversarial Attacks Using Feature Scattering-based Adversarial Training",
NeurIPS 2019, arXiv:1907.10764, algorithm 1. Solver and constants from the authors' ot.py and fs_main.py.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from bench import RECIPES, Ascent, Linf, frozen
from methods.pgd_at import AdversarialTraining


@dataclass(frozen=True)
class Scatter:
    """Push a batch's logits away from the clean batch's as a whole, without looking at labels."""

    ascent: Ascent = Ascent(Linf(8 / 255), steps=1, step_size=8 / 255, start="unclipped")

    def __call__(self, model, x, q):
        with frozen(model) as attacked:
            clean = attacked(x)
            return self.ascent.maximise(lambda z: transport_cost(clean, attacked(z)), x)


def transport_cost(a: Tensor, b: Tensor, blur: float = 0.01, rounds: int = 100) -> Tensor:
    """Optimal-transport cost between two batches (B, D) under cosine distance; a scalar.

    The gradient flows through the plan as well. Where most of it underflows, the floor inside the logarithm
    decides the potentials, so both the floor and the stopping rule are the authors' (their function is named
    after IPOT and runs Sinkhorn).
    """
    cost = (1 - F.cosine_similarity(a[:, None], b[None], dim=2, eps=1e-6)).clamp_min(0)
    plan, u, v = (-cost / blur).exp(), cost.new_zeros(len(a), 1), cost.new_zeros(1, len(b))
    for _ in range(rounds):
        before = u
        u = u - blur * (len(a) * (plan.sum(1, keepdim=True) + 1e-6)).log()
        plan = ((u + v - cost) / blur).exp()
        v = v - blur * (len(b) * (plan.sum(0, keepdim=True) + 1e-6)).log()
        plan = ((u + v - cost) / blur).exp()
        if (u - before).abs().sum() < 0.1:
            break
    return (plan * cost).sum()


RECIPES.add("FS", AdversarialTraining(Scatter(), keep=0.5))
