"""Noise-FGSM (N-FGSM): one step from strong noise, and no projection into the ball.

de Jorge, Bibi, Volpi, Sanyal, Torr, Rogez, Dokania, "Make Some Noise: Reliable and Efficient Single-Step Adversarial
Training", NeurIPS 2022, arXiv:2202.01181, algorithm 1. As in the authors' train.py, the noise and the step are cut to
[0, 1] alone, and batch norms are in training mode throughout.
"""

from dataclasses import dataclass

from bench import RECIPES, Adversary, Ascent, Linf, Recipe, Untargeted, cross_entropy

FGSM = Untargeted(Ascent(Linf(8 / 255), steps=1, step_size=8 / 255, start="clean"), stats="moving")


@dataclass(frozen=True)
class NoiseFgsm(Recipe):
    """Train on one step along the gradient from noise of twice the radius, not projected into the ball."""

    noise: Linf = Linf(16 / 255)
    adversary: Adversary = FGSM  # its step, and the ball in which it takes it, are around the noisy image

    def loss(self, model, x, q):
        noisy = (x + self.noise.noise(x)).clamp(0, 1)
        return cross_entropy(model(self.adversary(model, noisy, q)), q).mean()


RECIPES.add("N-FGSM", NoiseFgsm())
