"""AugMix.

Hendrycks, Mu, Cubuk, Zoph, Gilmer, Lakshminarayanan, "AugMix: A Simple Data Processing Method to Improve Robustness
and Uncertainty", ICLR 2020, arXiv:1912.02781, algorithm 1. Constants from the authors' cifar.py.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from bench import RECIPES, BadInput, Recipe, augmented, beta, cross_entropy, lerp


@dataclass(frozen=True)
class AugMix(Recipe):
    """Clean cross-entropy, plus the Jensen-Shannon divergence of predictions for the image and two mixtures."""

    width: int = 3  # chains of operations
    depth: int = 3  # operations of the longest chain
    severity: float = 3.0
    consistency: float = 12.0  # weight of the Jensen-Shannon divergence

    def __post_init__(self):
        if self.width < 1 or self.depth < 1:
            raise BadInput(f"width={self.width}, depth={self.depth}: at least one chain of one operation")

    def loss(self, model, x, q):
        views = model(torch.cat([x, self.augmix(x), self.augmix(x)])).chunk(3)  # one pass: batch norms see all
        p = torch.stack([logits.softmax(1) for logits in views])
        mixture = p.mean(0).clamp(1e-7, 1).log().expand_as(p)
        p = p.clamp_min(1e-37)  # the slope of p log p is infinite at 0
        divergence = F.kl_div(mixture, p, reduction="none").sum(2).mean(0)
        return (cross_entropy(views[0], q) + self.consistency * divergence).mean()

    def augmix(self, x):
        """A random mixture of each image and of random chains of operations on it."""
        weights = torch.distributions.Dirichlet(torch.ones(self.width)).sample((len(x),)).to(x)
        mixed = torch.zeros_like(x)
        for weight in weights.unbind(1):
            chain, length = x, torch.randint(1, self.depth + 1, (len(x), 1, 1, 1)).to(x)
            for place in range(self.depth):
                chain = torch.where(place < length, augmented(chain, self.severity), chain)
            mixed = mixed + weight.view(-1, 1, 1, 1) * chain
        return lerp(mixed, x, beta(1.0, x, per="image")).clamp(0, 1)  # a sum of weights may round to above 1


RECIPES.add("AugMix", AugMix())
