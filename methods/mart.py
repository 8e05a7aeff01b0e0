"""Misclassification-aware adversarial training (MART).

Wang, Zou, Yi, Bailey, Ma, Gu, "Improving Adversarial Robustness Requires Revisiting Misclassified Examples",
ICLR 2020. Loss and constants from the authors' mart.py.
"""

from dataclasses import dataclass

import torch

from bench import RECIPES, Ascent, Linf, Recipe, cross_entropy, frozen, kl


@dataclass(frozen=True)
class Mart(Recipe):
    """Boosted cross-entropy on adversarial images, plus a KL term weighted by the doubt about the clean image."""

    inner: Ascent = Ascent(Linf(0.031), steps=10, step_size=0.007)
    beta: float = 6.0  # lambda in the paper

    def loss(self, model, x, q):
        with frozen(model) as attacked:
            x0 = x + 0.001 * torch.randn_like(x)
            x_adv = self.inner.maximise(lambda z: cross_entropy(attacked(z), q), x, x0)
        p, logits_adv = model(x).softmax(1), model(x_adv)
        rival = (logits_adv.softmax(1) - q).amax(1)  # probability of the likeliest wrong class
        boosted = cross_entropy(logits_adv, q) - (1.0001 - rival + 1e-12).log()
        doubt = 1.0000001 - (p * q).sum(1)
        return (boosted + self.beta * doubt * kl(p, logits_adv)).mean()


RECIPES.add("MART", Mart())
