"""Robust masking (RobMask): a batch-norm rescaling for each attack strength, interpolated between a few primary ones.

Cheng, Gan, Cheng, Wang, Hsieh, Liu, "Adversarial Masking: Towards Understanding Robustness Trade-off for
Generalization", ICLR 2021 submission, algorithm 1. No code is public; choices that the paper leaves open are fields.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch

from bench import RECIPES, Recipe, Share, Untargeted, add_masks, branch, cross_entropy, option, plain, scaled
from methods.advprop import PGD7


@dataclass(frozen=True)
class RobMask(Recipe):
    """Draw an attack strength, attack through the mask of that strength, and learn clean and adversarial images."""

    adversary: Untargeted = PGD7  # at strength 1
    k: int = 2  # primary rescalings
    strength: Share | None = None  # None: drawn for each batch
    include_clean: bool = True  # off: exactly algorithm 1, without the clean pass that the text describes
    split_stats: bool = False  # separate running statistics for clean and adversarial images
    step: Literal["scaled", "fixed"] = "scaled"  # whether the step size scales with the radius
    between: tuple[Share, ...] = option(())  # strengths of more masks to evaluate, views u0.5 ...

    def prepare(self, model):
        return add_masks(model, self.k, statistics=1 + self.split_stats)

    def loss(self, model, x, q):
        strength = torch.rand(()).item() if self.strength is None else self.strength
        with branch(model, (strength, int(self.split_stats))):  # the mask, and which running statistics
            x_adv = self.attack(strength)(model, x, q)
            adversarial = cross_entropy(model(x_adv), q)
        clean = cross_entropy(model(x), q) if self.include_clean else 0.0
        return (clean + adversarial).mean()

    def attack(self, strength):
        """The adversary at a share of its radius."""
        weaker = scaled(self.adversary.ascent, strength)
        step = weaker.step_size if self.step == "scaled" else self.adversary.ascent.step_size
        return replace(self.adversary, ascent=replace(weaker, step_size=step))

    def finish(self, model):
        split = int(self.split_stats)
        masks = {f"u{strength:g}": plain(model, (strength, split)) for strength in self.between}
        return {"main": plain(model, (0.0, 0)), "adv": plain(model, (1.0, split))} | masks


RECIPES.add("RobMask", RobMask())
RECIPES.add("RobMask-10", RobMask(scaled(PGD7, 10 / 8)), "RobMask trained up to a radius of 10/255")
