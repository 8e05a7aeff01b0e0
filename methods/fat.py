"""Friendly adversarial training (FAT): a search that leaves an image soon after it is misclassified.

Zhang, Xu, Han, Niu, Cui, Sugiyama, Kankanhalli, "Attacks Which Do Not Kill Training Make Adversarial Learning
Stronger", ICML 2020, arXiv:2002.11242, algorithm 1. Constants from the authors' FAT.py and earlystop.py: tau is 0 for
50 of 120 epochs, then 1 up to the 90th, then 2, and each step adds a little noise.
"""

from dataclasses import dataclass

from bench import RECIPES, Ascent, Linf, cross_entropy, epoch_share, frozen
from methods.pgd_at import AdversarialTraining


@dataclass(frozen=True)
class EarlyStopped:
    """Search as PGD does, and leave an image alone from its first misclassification after tau others on."""

    ascent: Ascent = Ascent(Linf(0.031), steps=10, step_size=0.007)
    tau: tuple[float, ...] = (0, 1, 2)
    until: tuple[float, ...] = (50 / 120, 90 / 120)  # shares of the training at which the next tau follows
    omega: float = 0.001  # standard deviation of the noise of a step

    def __call__(self, model, x, q):
        stage = sum(epoch_share() > end for end in self.until)
        left = q.new_full((len(x),), self.tau[min(stage, len(self.tau) - 1)])
        with frozen(model) as attacked:

            def objective(z):
                nonlocal left
                logits = attacked(z)
                left = left - (logits.argmax(1) != q.argmax(1)).to(left)
                return cross_entropy(logits, q) * (left >= 0)  # a step along a gradient of 0 goes nowhere

            return self.ascent.maximise(objective, x, noise=self.omega)


RECIPES.add(
    "FAT",
    AdversarialTraining(EarlyStopped()),
    "Train on images of a search that leaves each image soon after it is misclassified",
)
