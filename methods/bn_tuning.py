"""Batch-norm tuning: fine-tune only batch norms, from standard to robust (BN-adv) or from robust to standard (BN-std).

Cheng, Gan, Cheng, Wang, Hsieh, Liu, "Adversarial Masking: Towards Understanding Robustness Trade-off for
Generalization", ICLR 2021 submission, sec. 3.1, and sec. 3.2 for the interpolation. No code is public; length and
learning rate are the fine-tuning plan's.
"""

from dataclasses import dataclass
from typing import Literal

from bench import RECIPES, Recipe, Share, blended, plain, tuned
from methods.standard import Standard


@dataclass(frozen=True)
class NormTuning(Recipe):
    """Fine-tune only the batch norms of a finished model with another objective."""

    base: str  # recipe of the finished model
    objective: Recipe
    points: tuple[Share, ...] = (0.2, 0.4, 0.6, 0.8)  # p of interpolated views: 1 is the base, 0 the tuned model
    statistics: Literal["blended", "start", "main"] = "blended"  # running statistics of these views

    def start(self):
        return self.base

    def prepare(self, model):
        return tuned(model)

    def loss(self, model, x, q):
        return self.objective.loss(model, x, q)

    def finish(self, model):
        between = {f"p{p:g}": blended(model, p, self.statistics) for p in self.points}
        return {"main": plain(model, "main")} | between


RECIPES.add(
    "BN-adv",
    NormTuning("Standard", RECIPES["PGD-AT.robmask"]),
    "A model of Standard whose batch norms alone are then trained adversarially, by PGD-AT.robmask",
)
RECIPES.add(
    "BN-std",
    NormTuning("PGD-AT.robmask", Standard()),
    "A model of PGD-AT.robmask whose batch norms alone are then trained on clean images",
)
