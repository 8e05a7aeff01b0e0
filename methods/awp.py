"""Adversarial weight perturbation (AWP), on top of any recipe.

Wu, Xia, Wang, "Adversarial Weight Perturbation Helps Robust Generalization", NeurIPS 2020, arXiv:2004.05884, eq. (10)
with one step, as in the authors' utils_awp.py. They begin it after some epochs; here it is used from the first. Only
the second pass, at the moved weights, updates running statistics; recipes that compute labels from the model (-LA) do
so in both passes.
"""

from dataclasses import dataclass

import torch

from bench import RECIPES, BadInput, Recipe, Shifted, recalled, rehearsed
from methods.avmixup import AvMixup
from methods.mart import Mart
from methods.pgd_at import AdversarialTraining
from methods.trades import Trades


@dataclass(frozen=True)
class Awp(Recipe):
    """Minimise a recipe's loss at weights moved a little so as to raise it, on the same adversarial images."""

    base: Recipe
    gamma: float = 0.005  # length of the move of each weight tensor, as a share of its norm

    def start(self):
        return self.base.start()

    def prepare(self, model):
        if type(self.base).losses is not Recipe.losses:
            raise BadInput("+AWP moves the weights once a batch, and this recipe updates them more often; leave it out")
        model = self.base.prepare(model)
        if not any(w.ndim > 1 and w.requires_grad for w in model.parameters()):
            raise BadInput("+AWP moves weight matrices, and this recipe trains none; name it without +AWP")
        return model

    def loss(self, model, x, q):
        weights = {name: w for name, w in model.named_parameters() if w.ndim > 1 and w.requires_grad}
        with rehearsed(model) as attacks:
            rise = torch.autograd.grad(self.base.loss(model, x, q), list(weights.values()))
        moves = {
            name: self.gamma * w.detach().norm() / (g.norm() + 1e-20) * g
            for (name, w), g in zip(weights.items(), rise, strict=True)
        }
        with recalled(attacks):
            return self.base.loss(Shifted(model, moves), x, q)

    def finish(self, model):
        return self.base.finish(model)


AWP_TEXT = "at adversarially moved weights (AWP)"
# gamma as in the authors' script
RECIPES.add("PGD-AT+AWP", Awp(AdversarialTraining(), gamma=0.01), f"PGD-AT {AWP_TEXT}")
RECIPES.add("TRADES-6+AWP", Awp(Trades(beta=6.0)), f"TRADES-6 {AWP_TEXT}")
RECIPES.add("MART+AWP", Awp(Mart()), f"MART {AWP_TEXT}")
RECIPES.add("AVmixup+AWP", Awp(AvMixup(decay="kernels"), decay="kernels"), f"AVmixup {AWP_TEXT}")
RECIPES.add_suffix("+AWP", lambda base: Awp(base, decay=base.decay), follows="the name of any adversarial recipe")
