"""Targeted labelling adversarial training (TLAT), alone and with mixup (M-TLAT), and the paper's baselines.

Laugros, Caplier, Ospici, "Addressing Neural Network Robustness with Mixup and Targeted Labeling Adversarial
Training", ECCV workshops 2020, arXiv:2008.08384, algorithm 1.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from bench import RECIPES, Ascent, Linf, Per, Recipe, Share, cross_entropy, frozen, lerp, option, random_class, scaled
from methods.mixup import mix_pairs


@dataclass(frozen=True)
class Tlat(Recipe):
    """Clean loss, plus the loss after one step towards a random class, with part of the label's mass on that class."""

    inner: Ascent = Ascent(Linf(0.025), steps=1, step_size=0.025, start="clean")  # a random share of it is used
    targeted: bool = True  # off: away from the label (FGSM)
    label: Literal["towards", "hard", "printed", "smooth"] = "towards"
    moved: Share = 0.025  # mass that moves to the target at the full step; in the paper it equals the radius
    alpha: float = 0.0  # of the mixup before each part of the loss; 0: none
    per: Per = option("batch")  # how often the share of the step is drawn
    other: bool = option(False)  # whether the random class must differ from the top one of the label
    halves: Literal["shared", "split"] = option("shared")  # clean and attacked: the whole batch twice, or half each
    both: bool = option(False)  # whether clean images have smoothed labels too

    def loss(self, model, x, q):
        n = len(x) if self.halves == "shared" else (len(x) + 1) // 2  # the middle of an odd batch is in both halves
        (x_clean, q_clean), (x, q) = mix_pairs(x[:n], q[:n], self.alpha), mix_pairs(x[-n:], q[-n:], self.alpha)
        part, aim = torch.rand(1 if self.per == "batch" else n), random_class(q, self.other)
        with frozen(model) as attacked:
            goal, sign = (aim, -1) if self.targeted else (q, 1)
            x_adv = self.attack(lambda z: sign * cross_entropy(attacked(z), goal), x, part)
        moved = (self.moved * part).to(x).expand(n)
        q_adv = self.labels(q, aim, moved)
        if self.both:
            q_clean = self.labels(q_clean, q_clean, moved)
        return (cross_entropy(model(x_clean), q_clean) + cross_entropy(model(x_adv), q_adv)).mean()

    def attack(self, objective, x, part):
        """Adversarial images after the share `part` of the step."""
        if self.per == "batch":
            return scaled(self.inner, part.item()).maximise(objective, x)
        return self.inner.partway(objective, x, part)

    def labels(self, q, aim, eps):
        """Labels (B, K) of adversarial images: the shares eps (B,) of the mass move to aim (B, K)."""
        if self.label == "hard":
            return q
        if self.label == "printed":  # 1 - eps and eps / K, which sum to 1 - eps / K
            aim = (1 - q) / q.shape[1]
        elif self.label == "smooth":
            aim = (1 - q) / (q.shape[1] - 1)
        return lerp(aim, q, eps)


SPREAD = "TFGSM-AT with a little of the adversarial label's mass spread over"
RECIPES.add(
    "FGSM-AT", Tlat(targeted=False, label="hard"), "Clean loss, plus the loss after one step away from the label"
)
RECIPES.add("TFGSM-AT", Tlat(label="hard"), "Clean loss, plus the loss after one step towards a random class")
RECIPES.add("LS-adv", Tlat(label="printed"), f"{SPREAD} all classes, by the printed formula, which does not sum to 1")
RECIPES.add("LS-adv.sum1", Tlat(label="smooth"), f"{SPREAD} the wrong classes, so that it sums to 1")
RECIPES.add("TLAT", Tlat(), "TFGSM-AT with a little of the adversarial label's mass on the class that the step aims at")
RECIPES.add("M-TLAT", Tlat(alpha=0.4), "TLAT on pairs of images and labels that are mixed by mixup")
