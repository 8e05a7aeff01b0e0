"""GradAlign: FGSM, and gradients that agree inside the ball.

Andriushchenko, Flammarion, "Understanding and Improving Fast Adversarial Training", NeurIPS 2020, arXiv:2007.02617,
sec. 5. As in the authors' train.py, the step follows the gradient at the image in training mode, the weights learn
through the gradient at the noisy image alone, and an image where one of the two is 0 adds nothing. The noisy image is
cut to [0, 1], as all images here. The weight is theirs for 8/255; for k/255 they take 0.02 * 10 ** (k / 8).
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import normalize

from bench import RECIPES, Ascent, Linf, Recipe, cross_entropy


@dataclass(frozen=True)
class GradAlign(Recipe):
    """Train on one step along the gradient, and align that gradient with the one at an image with noise."""

    ascent: Ascent = Ascent(Linf(8 / 255), steps=1, step_size=8 / 255, start="clean")
    weight: float = 0.2  # lambda in the paper

    def loss(self, model, x, q):
        grad = input_gradient(model, x, q).detach()
        robust = cross_entropy(model(self.ascent.step(x, grad, x)), q)
        noisy = (x + self.ascent.threat.noise(x)).clamp(0, 1)
        a, b = (normalize(g.flatten(1)) for g in (grad, input_gradient(model, noisy, q)))
        misalignment = (1 - (a * b).sum(1)) * (a.any(1) & b.any(1))
        return (robust + self.weight * misalignment).mean()


def input_gradient(model, x, q):
    """Gradient of each image's cross-entropy at x, both (B, C, H, W), through which gradients reach the weights."""
    z = x.detach().requires_grad_()
    (grad,) = torch.autograd.grad(cross_entropy(model(z), q).sum(), z, create_graph=True)
    return grad


RECIPES.add("GradAlign", GradAlign())
