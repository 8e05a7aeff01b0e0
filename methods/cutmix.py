"""CutMix.

Yun, Han, Oh, Chun, Choe, Yoo, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
Features", ICCV 2019, arXiv:1905.04899, eq. (1)-(2). As in the authors' code, labels are mixed by the area that is
actually pasted, and half of the CIFAR batches are left unchanged.
"""

from dataclasses import dataclass

import torch

from bench import RECIPES, Recipe, Share, beta, box, cross_entropy, lerp, shuffled


@dataclass(frozen=True)
class CutMix(Recipe):
    """Paste a box of another image, and mix the labels by area."""

    alpha: float = 1.0
    chance: Share = 0.5  # probability that a batch is mixed

    def loss(self, model, x, q):
        if torch.rand(()).item() < self.chance:
            lam, mate = beta(self.alpha, x, per="batch"), shuffled(x)
            pasted = box(x, side=(1 - lam).sqrt(), at="centre")
            x, q = lerp(x[mate], x, pasted), lerp(q[mate], q, pasted.mean((1, 2, 3)))
        return cross_entropy(model(x), q).mean()


RECIPES.add("CutMix", CutMix())
