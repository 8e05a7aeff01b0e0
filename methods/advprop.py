"""AdvProp: adversarial images as additional data, with batch norms of their own.

Xie, Tan, Gong, Wang, Yuille, Le, "Adversarial Examples Improve Image Recognition", CVPR 2020, arXiv:1911.09665,
algorithm 1. The untargeted PGD-7, the sum of the losses and the two variants as in the RobMask paper (Cheng et al.,
ICLR 2021 submission, Table 7).
"""

from dataclasses import dataclass

import torch

from bench import RECIPES, Ascent, Linf, Recipe, Share, Untargeted, add_branches, branch, cross_entropy, plain, scaled

PGD7 = Untargeted(Ascent(Linf(8 / 255), steps=7, step_size=8 / 255 / 5))


@dataclass(frozen=True)
class AdvProp(Recipe):
    """Clean images use the main batch norms, adversarial ones of each strength (and their search) an auxiliary set."""

    adversary: Untargeted = PGD7
    strengths: tuple[Share, ...] = (1.0,)  # radius of each auxiliary set, as a share of the adversary's
    drawn: bool = False  # multiply these by a random share for each batch

    def prepare(self, model):
        return add_branches(model, *self.auxiliary())

    def loss(self, model, x, q):
        share = torch.rand(()).item() if self.drawn else 1.0
        loss = cross_entropy(model(x), q)
        for name, strength in self.auxiliary().items():
            with branch(model, name):
                x_adv = scaled(self.adversary, share * strength)(model, x, q)
                loss = loss + cross_entropy(model(x_adv), q)
        return loss.mean()

    def finish(self, model):
        return {view: plain(model, view) for view in ("main", *self.auxiliary())}

    def auxiliary(self):
        """Strengths by name of the auxiliary set."""
        return {f"aux{i}": strength for i, strength in enumerate(self.strengths, start=1)}


RECIPES.add("AdvProp", AdvProp())
RECIPES.add("AdvProp.rand", AdvProp(drawn=True), "AdvProp at a radius that is drawn anew for each batch")
RECIPES.add(
    "AdvProp.2aux", AdvProp(strengths=(1.0, 0.5)), "AdvProp with a second set of batch norms, for half the radius"
)
