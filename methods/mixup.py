"""Mixup, and interpolated adversarial training (IAT) built on it.

Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018, arXiv:1710.09412.
Lamb, Verma, Kannala, Bengio, "Interpolated Adversarial Training", AISec 2019, arXiv:1906.06784.
Mixup and IAT as the M-TLAT paper trains them (Laugros, Caplier, Ospici 2020, arXiv:2008.08384); the other values are
those of their own papers.
"""

from dataclasses import dataclass

import torch

from bench import RECIPES, Ascent, Linf, Recipe, Untargeted, beta, cross_entropy, lerp, scaled, shuffled


def mixed(x, q, alpha):
    """Each image and its label, averaged with another of the batch; one coefficient a batch."""
    lam, mate = beta(alpha, x, per="batch"), shuffled(x)
    return lerp(x, x[mate], lam), lerp(q, q[mate], lam)


@dataclass(frozen=True)
class Mixup(Recipe):
    """Train on convex combinations of pairs of images, and of their labels."""

    alpha: float = 1.0

    def loss(self, model, x, q):
        x, q = mixed(x, q, self.alpha)
        return cross_entropy(model(x), q).mean()


@dataclass(frozen=True)
class Iat(Recipe):
    """Mixup within the clean batch, and within its adversarial images."""

    adversary: Untargeted = Untargeted(Ascent(Linf(8 / 255), steps=7, step_size=2 / 255))
    drawn: bool = False  # each batch draws its share of the radius
    alpha: float = 1.0

    def loss(self, model, x, q):
        share = torch.rand(()).item() if self.drawn else 1.0
        x_adv = scaled(self.adversary, share)(model, x, q)
        (x, q), (x_adv, q_adv) = mixed(x, q, self.alpha), mixed(x_adv, q, self.alpha)
        return (cross_entropy(model(x), q) + cross_entropy(model(x_adv), q_adv)).mean() / 2


FGSM = Untargeted(Ascent(Linf(0.025), steps=1, step_size=0.025, start="clean"))

RECIPES.add("Mixup", Mixup(alpha=0.4))
RECIPES.add("Mixup.1", Mixup(alpha=1.0))
RECIPES.add("IAT", Iat(FGSM, drawn=True, alpha=0.4))
RECIPES.add("IAT.pgd", Iat(), "IAT with PGD, as its own paper has it")
