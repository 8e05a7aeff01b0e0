"""CutMix.

Yun, Han, Oh, Chun, Choe, Yoo, "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable
Features", ICCV 2019, arXiv:1905.04899, eq. (1)-(2). Labels by the area that is really pasted, and half of the CIFAR
batches left as they are, as in the authors' code.
"""

from dataclasses import dataclass

import torch

from bench import RECIPES, Recipe, Share, beta, box, cross_entropy, lerp, shuffled


@dataclass(frozen=True)
class CutMix(Recipe):
    """Paste a box of another image, and share the label by area."""

    alpha: float = 1.0
    chance: Share = 0.5  # of batches that are cut

    def loss(self, model, x, q):
        if torch.rand(()).item() < self.chance:
            lam, mate = beta(self.alpha, x, per="batch"), shuffled(x)
            pasted = box(x, side=(1 - lam).sqrt(), at="centre")
            x, q = lerp(x[mate], x, pasted), lerp(q[mate], q, pasted.mean((1, 2, 3)))
        return cross_entropy(model(x), q).mean()


RECIPES.add("CutMix", CutMix())
