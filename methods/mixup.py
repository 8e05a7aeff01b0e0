"""Mixup, and interpolated adversarial training (IAT) built on it.

Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018, arXiv:1710.09412.
Lamb, Verma, Kannala, Bengio, "Interpolated Adversarial Training", AISec 2019, arXiv:1906.06784.
Mixup and IAT are as in the M-TLAT paper (Laugros, Caplier, Ospici 2020, arXiv:2008.08384); Mixup.1 and IAT.pgd are as
in their own papers.
"""

from dataclasses import dataclass

import torch

from bench import RECIPES, Ascent, Linf, Recipe, Untargeted, beta, cross_entropy, lerp, scaled, shuffled


def mix_pairs(x, q, alpha):
    """Mix each image and label with another one of the batch, with one coefficient for the batch."""
    lam, mate = beta(alpha, x, per="batch"), shuffled(x)
    return lerp(x, x[mate], lam), lerp(q, q[mate], lam)


@dataclass(frozen=True)
class Mixup(Recipe):
    """Train on convex combinations of pairs of images, and of their labels."""

    alpha: float = 1.0

    def loss(self, model, x, q):
        x, q = mix_pairs(x, q, self.alpha)
        return cross_entropy(model(x), q).mean()


@dataclass(frozen=True)
class Iat(Recipe):
    """Mixup within the clean batch, and within the batch of its adversarial images."""

    adversary: Untargeted = Untargeted(Ascent(Linf(8 / 255), steps=7, step_size=2 / 255))
    drawn: bool = False  # multiply the radius by a random share for each batch
    alpha: float = 1.0

    def loss(self, model, x, q):
        share = torch.rand(()).item() if self.drawn else 1.0
        x_adv = scaled(self.adversary, share)(model, x, q)
        (x, q), (x_adv, q_adv) = mix_pairs(x, q, self.alpha), mix_pairs(x_adv, q, self.alpha)
        return (cross_entropy(model(x), q) + cross_entropy(model(x_adv), q_adv)).mean() / 2


FGSM = Untargeted(Ascent(Linf(0.025), steps=1, step_size=0.025, start="clean"))

RECIPES.add("Mixup", Mixup(alpha=0.4))
RECIPES.add("Mixup.1", Mixup(alpha=1.0), "Mixup whose coefficients are uniform, as in its own paper")
RECIPES.add("IAT", Iat(FGSM, drawn=True, alpha=0.4))
RECIPES.add("IAT.pgd", Iat(), "IAT with seven steps of PGD instead of one of FGSM, as in its own paper")
