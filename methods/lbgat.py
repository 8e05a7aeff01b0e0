"""Learnable boundary guided adversarial training (LBGAT).

Cui, Liu, Wang, Jia, "Learnable Boundary Guided Adversarial Training", ICCV 2021, arXiv:2011.11164, eq. (5). Loss and
constants from the authors' lbgat.py and train_lbgat_cifar100.py, whose second network is a ResNet-18; here it has the
architecture of the first, and the same weights at the beginning.
"""

from dataclasses import dataclass

import torch

from bench import RECIPES, Ascent, Linf, Recipe, add_network, branch, cross_entropy, frozen, kl, plain


@dataclass(frozen=True)
class Lbgat(Recipe):
    """Train a second network on clean images, and draw the logits of adversarial images to its logits of clean ones."""

    inner: Ascent = Ascent(Linf(0.031), steps=10, step_size=0.007)
    beta: float = 6.0  # weight of the divergence of TRADES; alpha in the paper

    def prepare(self, model):
        return add_network(model, "natural")

    def loss(self, model, x, q):
        with frozen(model) as attacked:
            p = attacked(x).softmax(1)
            x_adv = self.inner.maximise(lambda z: kl(p, attacked(z)), x, x + 0.001 * torch.randn_like(x))
        logits_adv, logits = model(x_adv), model(x)
        with branch(model, "natural"):
            natural = model(x)
        guided = (logits_adv - natural).square().mean(1) + cross_entropy(natural, q)  # gradients reach both networks
        return (guided + self.beta * kl(logits.softmax(1), logits_adv)).mean()

    def finish(self, model):
        return {"main": plain(model, "main")}


for beta, more in ((0.0, ""), (6.0, ", plus 6 times the divergence of TRADES")):
    meaning = f"Draw logits of adversarial images to those that a second, clean network has of clean ones{more}"
    RECIPES.add(f"LBGAT-{beta:g}", Lbgat(beta=beta), meaning)
