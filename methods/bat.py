"""Bilateral adversarial training (BAT): perturb the image in one step, and the label as well.

Wang, Zhang, "Bilateral Adversarial Training: Towards Fast Training of More Robust Models Against Adversarial
Attacks", ICCV 2019, arXiv:1811.10716. Steps and label rule of the authors' train.py; `sup` and LA9 are the paper's.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench import RECIPES, Adversary, Ascent, BadInput, Linf, Recipe, Targeted, Untargeted, clean_logits, cross_entropy
from methods.pgd_at import AdversarialTraining


@dataclass(frozen=True)
class LabelAdversary(Recipe):
    """Train on adversarial images with labels that give more mass to classes that the model finds unlikely (-LA)."""

    adversary: Adversary
    beta: float = 9.0  # ratio of the masses of the true class and of the heaviest wrong one
    rule: Literal["main", "sup"] = "main"
    heaviest: int | None = None  # number of wrong classes with mass: those of largest loss, of equal ones the first

    def __post_init__(self):
        if self.heaviest is not None and self.heaviest < 1:
            raise BadInput(f"heaviest={self.heaviest}: at least one wrong class, or none for all of them")

    def loss(self, model, x, q):
        with clean_logits(model, x) as logits:
            x_adv = self.adversary(model, x, q)
            p = logits().softmax(1)
        return cross_entropy(model(x_adv), self.tilt(p, q)).mean()

    def tilt(self, p: Tensor, q: Tensor, gamma: float = 0.01) -> Tensor:
        """Labels (B, K): wrong classes share a mass in proportion to their loss v - min v + gamma (rule sup: v)."""
        v, true = -(p + 1e-8).log().clamp_max(-1e-8), q.bool()  # clamped, as p = 1 could leave 0 / 0
        low = v.masked_fill(true, torch.inf).amin(1, keepdim=True)
        excess = (v if self.rule == "sup" else v - low + gamma).masked_fill(true, 0)
        if self.heaviest is not None:
            top = excess.masked_fill(true, -torch.inf).sort(descending=True, stable=True).indices[:, : self.heaviest]
            excess = torch.zeros_like(excess).scatter(1, top, excess.gather(1, top))
        total = excess.sum(1, keepdim=True)
        budget = 1 / (1 + self.beta * excess.amax(1, keepdim=True) / total)
        return (1 - budget) * q + budget * excess / total


def one_step(pixels: float, start: Literal["clean", "unclipped"]) -> Ascent:
    return Ascent(Linf(pixels / 255), steps=1, step_size=pixels / 255, start=start)


AIMS = {"LL": "the least likely class", "MC": "the likeliest wrong class", "RAND": "a random class"}
AIMS["MOSA"] = "the wrong class that the last linear layer reaches most easily"
SMOOTHED_TEXT = "with smoothed labels: mass 0.5 on the true class"
LABELS = "with labels that give more mass to classes that the model finds unlikely"
for prefix, start, step in (("", "clean", "one step"), ("R-", "unclipped", "one step from a random start,")):
    adversaries = {"FGSM": (Untargeted(one_step(8, start)), "along the gradient")}
    adversaries |= {aim: (Targeted(aim, one_step(8, start)), f"towards {target}") for aim, target in AIMS.items()}
    for name, (adversary, way) in adversaries.items():
        about = f"Train on {step} {way}"
        hard, smoothed = (AdversarialTraining(adversary, keep=keep, decay="kernels") for keep in (1.0, 0.5))
        RECIPES.add(f"{prefix}{name}", hard, about)
        RECIPES.add(f"{prefix}{name}-LS", smoothed, f"{about}, {SMOOTHED_TEXT}")
        RECIPES.add(f"{prefix}{name}-LA", LabelAdversary(adversary, decay="kernels"), f"{about}, {LABELS}")


def add_label_adversary(name: str, meaning: str, adversary: Adversary | None = None, **settings) -> None:
    adversary = adversary or Targeted("MC", one_step(8, "unclipped"))
    RECIPES.add(name, LabelAdversary(adversary, decay="kernels", **settings), meaning)


add_label_adversary("R-MC-LA.cifar100", "R-MC-LA with the paper's ratio of label masses for CIFAR-100, 11", beta=11.0)
NINE_CLASSES_TEXT = "R-MC-LA.cifar100 with label mass on nine wrong classes alone, by the rule of the paper's appendix"
add_label_adversary("R-MC-LA9", NINE_CLASSES_TEXT, beta=11.0, rule="sup", heaviest=9)
add_label_adversary("R-MC-LA.sup", "R-MC-LA with the label rule of the paper's appendix", rule="sup")
for pixels in (1, 2, 4, 12):
    weaker = Targeted("MC", one_step(pixels, "unclipped"))
    add_label_adversary(f"R-MC-LA.eps{pixels}", f"R-MC-LA with a step and a radius of {pixels}/255", weaker)
add_label_adversary("PGD-AT.7x2-LA", f"PGD-AT.7x2 {LABELS}", RECIPES["PGD-AT.7x2"].adversary)
