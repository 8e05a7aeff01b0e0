"""Robust masking (RobMask): one batch-norm rescaling per attack strength, mixed from a few primary ones.

Cheng, Gan, Cheng, Wang, Hsieh, Liu, "Adversarial Masking: Towards Understanding Robustness Trade-off for
Generalization", ICLR 2021 submission, algorithm 1. No code is public; what the paper leaves open is a field.
"""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import nn

from bench import RECIPES, Recipe, Switch, Untargeted, branch, cross_entropy, plain, scaled, switched
from methods.advprop import PGD7

CLEAN = 0.0, 0  # strength, and which running statistics


class MaskedBatchNorm2d(Switch):
    """Batch norm whose scale and shift are those of the k strengths 0, 1/(k-1), ..., 1, interpolated linearly."""

    def __init__(self, norm, k, split):
        super().__init__(CLEAN)
        self.scale = nn.ParameterList(norm.weight.detach().clone() for _ in range(k))
        self.shift = nn.ParameterList(norm.bias.detach().clone() for _ in range(k))
        self.norms = nn.ModuleList(deepcopy(norm) for _ in range(1 + split))
        for inner in self.norms:
            inner.affine, inner.weight, inner.bias = False, None, None

    def mask(self):
        at = self.choice[0] * (len(self.scale) - 1)
        return [sum(max(0.0, 1 - abs(at - i)) * w for i, w in enumerate(rows)) for rows in (self.scale, self.shift)]

    def forward(self, x):
        scale, shift = self.mask()
        return self.norms[self.choice[1]](x) * scale[:, None, None] + shift[:, None, None]

    def plain(self):
        norm = deepcopy(self.norms[self.choice[1]])
        norm.affine, (norm.weight, norm.bias) = True, map(nn.Parameter, self.mask())
        return norm


@dataclass(frozen=True)
class RobMask(Recipe):
    """Draw a strength, attack that hard through its own mask, and learn the clean and the attacked batch."""

    adversary: Untargeted = PGD7  # at strength 1
    k: int = 2  # primary rescalings
    strength: float | None = None  # None: drawn for each batch
    include_clean: bool = True  # off: algorithm 1 to the letter, without the clean pass that the text speaks of
    split_stats: bool = False  # clean and attacked images keep their own running statistics
    step: Literal["scaled", "fixed"] = "scaled"  # whether the step shrinks with the radius

    def prepare(self, model):
        return switched(model, lambda norm: MaskedBatchNorm2d(norm, self.k, self.split_stats))

    def loss(self, model, x, q):
        strength = torch.rand(()).item() if self.strength is None else self.strength
        with branch(model, (strength, int(self.split_stats))):
            x_adv = self.attack(strength)(model, x, q)
            adversarial = cross_entropy(model(x_adv), q)
        clean = cross_entropy(model(x), q) if self.include_clean else 0.0
        return (clean + adversarial).mean()

    def attack(self, strength):
        weaker = scaled(self.adversary.ascent, strength)
        step = weaker.step_size if self.step == "scaled" else self.adversary.ascent.step_size
        return replace(self.adversary, ascent=replace(weaker, step_size=step))

    def finish(self, model):
        return {"main": plain(model, CLEAN), "adv": plain(model, (1.0, int(self.split_stats)))}


RECIPES.add("RobMask", RobMask())
RECIPES.add("RobMask-10", RobMask(scaled(PGD7, 10 / 8)))
