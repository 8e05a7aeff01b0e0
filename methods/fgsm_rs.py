"""FGSM with a random start (FGSM-RS), "fast" adversarial training.

Wong, Rice, Kolter, "Fast is better than free: Revisiting adversarial training", ICLR 2020, arXiv:2001.03994,
algorithm 3. Step of 10/255 and batch norm in training mode throughout as in the authors' CIFAR10/train_fgsm.py.
"""

from bench import RECIPES, Ascent, Linf, Untargeted
from methods.pgd_at import AdversarialTraining

ONE_STEP = Ascent(Linf(8 / 255), steps=1, step_size=10 / 255)  # 1.25 radii, since it starts anywhere in the ball

RECIPES.add(
    "FGSM-RS",
    AdversarialTraining(Untargeted(ONE_STEP, stats="moving")),
    "Train on one step of 10/255 from a random start",
)
