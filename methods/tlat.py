"""Targeted labelling adversarial training, alone (TLAT) and with mixup (M-TLAT), and what the paper compares it with.

Laugros, Caplier, Ospici, "Addressing Neural Network Robustness with Mixup and Targeted Labeling Adversarial
Training", ECCV workshops 2020, arXiv:2008.08384, algorithm 1.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from bench import RECIPES, Ascent, Linf, Recipe, Share, cross_entropy, frozen, lerp, random_class, scaled, smooth
from methods.mixup import mixed


@dataclass(frozen=True)
class Tlat(Recipe):
    """Beside the clean loss: one step towards a random class, labelled as an image on its way there."""

    inner: Ascent = Ascent(Linf(0.025), steps=1, step_size=0.025, start="clean")  # each batch draws a share of it
    targeted: bool = True  # off: away from the label (FGSM)
    label: Literal["towards", "hard", "printed", "smooth"] = "towards"
    moved: Share = 0.025  # of the label's mass at the full step; in the paper the radius itself
    alpha: float = 0.0  # of the mixup before each half of the loss; 0: none

    def loss(self, model, x, q):
        (x_clean, q_clean), (x, q) = mixed(x, q, self.alpha), mixed(x, q, self.alpha)
        part, aim = torch.rand(()).item(), random_class(q)
        inner = scaled(self.inner, part)
        with frozen(model) as attacked:
            goal, sign = (aim, -1) if self.targeted else (q, 1)
            x_adv = inner.maximise(lambda z: sign * cross_entropy(attacked(z), goal), x)
        q_adv = self.labels(q, aim, part * self.moved)
        return (cross_entropy(model(x_clean), q_clean) + cross_entropy(model(x_adv), q_adv)).mean()

    def labels(self, q, aim, eps):
        """For images on whose way eps of the label's mass moves."""
        if self.label == "towards":
            return lerp(aim, q, q.new_full((len(q),), eps))
        if self.label == "printed":  # 1 - eps and eps / K, which sum to 1 - eps / K
            return (1 - eps) * q + eps / q.shape[1] * (1 - q)
        return smooth(q, 1 - eps) if self.label == "smooth" else q


RECIPES.add("FGSM-AT", Tlat(targeted=False, label="hard"))
RECIPES.add("TFGSM-AT", Tlat(label="hard"))
RECIPES.add("LS-adv", Tlat(label="printed"))
RECIPES.add("LS-adv.sum1", Tlat(label="smooth"))
RECIPES.add("TLAT", Tlat())
RECIPES.add("M-TLAT", Tlat(alpha=0.4))
