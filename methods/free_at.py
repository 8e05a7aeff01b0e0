"""Free adversarial training (Free-AT): one gradient updates the weights and the images, several times a batch.

Shafahi, Najibi, Ghiasi, Xu, Dickerson, Studer, Davis, Taylor, Goldstein, "Adversarial Training for Free!", NeurIPS
2019, arXiv:1904.12843, algorithm 1. m = 8 as in the authors' config.py, where weight decay is for kernels alone. As in
train_free.py of Wong et al. 2020, each step is cut to [0, 1] too. An epoch shows every image in one batch, and so m
times; the paper divides the number of epochs by m, and so does its plan here, while other budgets do not.
"""

from dataclasses import dataclass

from bench import RECIPES, Ascent, Linf, Recipe, Untargeted, cross_entropy


@dataclass(frozen=True)
class FreeTraining(Recipe):
    """Update the weights on each batch eight times, and by the same gradients the perturbation that it starts with."""

    adversary: Untargeted = Untargeted(Ascent(Linf(8 / 255), steps=7, step_size=8 / 255, start="clean"), "moving")

    def losses(self, model, x, q, carried):
        ascent = self.adversary.ascent
        x_adv = (x + carried.get("perturbation", 0)).clamp(0, 1)
        for _ in range(ascent.steps + 1):  # m in the paper: a step between two updates, and one for the next batch
            x_adv = x_adv.detach().requires_grad_()
            yield cross_entropy(model(x_adv), q).mean()
            x_adv = ascent.step(x_adv.detach(), x_adv.grad, x)
        carried["perturbation"] = x_adv - x

    def loss(self, model, x, q):
        """The last loss of an epoch's first batch if the weights did not move: after m - 1 steps from the images."""
        return cross_entropy(model(self.adversary(model, x, q)), q).mean()


RECIPES.add("Free-AT", FreeTraining(decay="kernels"))
