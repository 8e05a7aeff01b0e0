"""Helper-based adversarial training (HAT).

Rade, Moosavi-Dezfooli, "Reducing Excessive Margin to Achieve a Better Accuracy vs. Robustness Trade-off", ICLR 2022;
"Helper-based Adversarial Training", ICML 2021 workshop. Loss and constants from the authors' hat.py and README, where
helper images are not cut to [0, 1]; here they are, as all images. The helper network is a model of Standard.
"""

from dataclasses import dataclass

import torch

from bench import RECIPES, Ascent, Linf, Recipe, add_network, branch, cross_entropy, frozen, kl, plain


@dataclass(frozen=True)
class Hat(Recipe):
    """TRADES, plus the loss at images twice as far away, labelled as a standard model labels the adversarial ones."""

    inner: Ascent = Ascent(Linf(8 / 255), steps=10, step_size=2 / 255)
    beta: float = 2.5  # weight of the divergence
    gamma: float = 0.5  # weight of the loss at helper images
    reach: float = 2.0  # how far they are away, in distances of adversarial images

    def helper(self):
        return "Standard"

    def prepare(self, model):
        return add_network(model, "helper", trained=False)

    def loss(self, model, x, q):
        with frozen(model) as attacked:
            p = attacked(x).softmax(1)
            x_adv = self.inner.maximise(lambda z: kl(p, attacked(z)), x, x + 0.001 * torch.randn_like(x))
            with branch(attacked, "helper"):
                y_help = attacked(x_adv).argmax(1)
        x_help = (x + self.reach * (x_adv - x)).clamp(0, 1)
        logits = model(x)
        stability = kl(logits.softmax(1), model(x_adv))
        helped = cross_entropy(model(x_help), y_help)
        return (cross_entropy(logits, q) + self.beta * stability + self.gamma * helped).mean()

    def finish(self, model):
        return {"main": plain(model, "main")}


RECIPES.add("HAT", Hat())
