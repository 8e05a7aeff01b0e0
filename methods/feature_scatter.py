"""Feature scattering (FS).

Zhang, Wang, "Defense Against Adversarial Attacks Using Feature Scattering-based Adversarial Training",
NeurIPS 2019, arXiv:1907.10764, algorithm 1. Solver and constants from the authors' ot.py and fs_main.py.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from bench import RECIPES, Ascent, Linf, Options, frozen, option, whole_batch
from methods.pgd_at import AdversarialTraining


@dataclass(frozen=True)
class Scatter(Options):
    """Move the logits of a batch away from those of the clean batch as a whole, without labels (optimal transport)."""

    ascent: Ascent = Ascent(Linf(8 / 255), steps=1, step_size=8 / 255, start="unclipped")
    floor: float = option(1e-6)  # added inside the logarithm of the solver; 0: the exact log-sum-exp

    def __call__(self, model, x, q):
        with frozen(model) as attacked:
            clean = whole_batch(attacked(x))
            return self.ascent.maximise(lambda z: transport_cost(clean, whole_batch(attacked(z)), self.floor), x)


def transport_cost(a: Tensor, b: Tensor, floor: float = 1e-6, blur: float = 0.01, rounds: int = 100) -> Tensor:
    """Optimal-transport cost between two batches (B, D) under cosine distance, a scalar; Sinkhorn's algorithm.

    The gradient flows through the transport plan as well. If most of the plan underflows, the floor inside the
    logarithm determines the potentials; so floor and stopping rule are those of the authors' code.
    """
    cost = (1 - F.cosine_similarity(a[:, None], b[None], dim=2, eps=1e-6)).clamp_min(0)
    u, v, least = cost.new_zeros(len(a), 1), cost.new_zeros(1, len(b)), cost.new_tensor(floor).log()
    for _ in range(rounds):
        before = u
        mass = torch.logaddexp(((u + v - cost) / blur).logsumexp(1, keepdim=True), least)
        u = u - blur * (mass + math.log(len(a)))
        mass = torch.logaddexp(((u + v - cost) / blur).logsumexp(0, keepdim=True), least)
        v = v - blur * (mass + math.log(len(b)))
        if (u - before).abs().sum() < 0.1:
            break
    return (((u + v - cost) / blur).exp() * cost).sum()


RECIPES.add(
    "FS",
    AdversarialTraining(Scatter(), keep=0.5),
    "Train on images that move away from the features of the whole batch",
)
