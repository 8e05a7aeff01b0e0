"""Every threshold of the audit, with its reason. None was chosen by looking at a recipe.

Gradient masking makes attacks fail and images look robust: Carlini, Wagner, "Towards Evaluating the Robustness of
Neural Networks", S&P 2017, arXiv:1608.04644; Athalye, Carlini, Wagner, "Obfuscated Gradients Give a False
Sense of Security", ICML 2018, arXiv:1802.00420; Carlini et al., "On Evaluating Adversarial Robustness", 2019,
arXiv:1902.06705; Pintor et al., "Indicators of Attack Failure", NeurIPS 2022, arXiv:2106.09947; Zimmermann et al.,
"Increasing Confidence in Adversarial Robustness Evaluations", NeurIPS 2022, arXiv:2206.13991.
"""

from dataclasses import dataclass
from typing import Literal

from bench.core.stats import binomial_exceeds

SIGNIFICANCE = 0.001  # significance level; a dozen checks a model give a false alarm for about 1 % of models
Level = Literal["suspect", "invalid"]


@dataclass(frozen=True)
class Limit:
    """A share of images that must be exceeded significantly before a doubt is reported, and the reason for it."""

    share: float
    why: str


@dataclass(frozen=True)
class Indicator(Limit):
    """A sign of gradient masking or of another fault that a probe finds on an image (`bench run --audit`)."""

    says: str  # predicate of a sentence whose subject is the images that show it
    level: Level = "suspect"
    of_clean: bool = False  # whether it concerns clean accuracy; then it counts even if no image is robust


REMAINING_ACCURACY = Limit(
    0.01, "masking can only make accuracy under attack too high: where the worst is about 0, nothing is"
)
MAX_CHANGED_CLEAN = Limit(0.005, "in fp32 at most 0.5 % of images may flip between two computations of the same thing")
MAX_MISSED_BY_LONGEST = Limit(
    0.10,
    "from PGD to AutoAttack, RobustBench's honest models lose 3.0 to 4.6 points (Madry, TRADES, Rice) and the refuted "
    "ones 23 to 41 (Feature Scatter, BAT, AVmixup); the geometric mean of 4.6 and 23 is 10",
)
MAX_GAIN_OVER_ONE_STEP = Limit(
    0.02,
    "PGD-20 breaks 8 to 16 % of images more than one step does where training is adversarial (Madry; Zhang); a quarter "
    "of the smaller number is as good as none",
)
MAX_NOT_CONVERGED = Limit(
    0.05,
    "an attack whose last iterations still change its loss by more than 5 % has not ended (Pintor, indicator 4); here "
    "the same of its outcomes",
)
MAX_LEFT_UNBOUNDED = Limit(
    0.05,
    "no image can withstand an attack without bounds (Carlini 2019, section 4); 5 % are left to the steps and "
    "constants of an attack that somebody has chosen",
)
FULL_STEPS = 20  # steps of PGD in the papers' tables; shorter attacks are not expected to have converged
MIN_ITERATIVE_STEPS = 7  # steps of Madry's PGD for training, the shortest iterative attack in common use

INDICATORS = {
    "changing": Indicator(
        0.002,
        "two calls must agree to 1e-4 of the logits (AutoAttack's check); otherwise an accuracy is of one draw, and "
        "every attack shown here averages nothing. The share is AutoAttack's for Square",
        "give other logits when asked twice",
        "invalid",
    ),
    "probabilities": Indicator(
        0.002,
        "outputs >= 0 that sum to 1 (AutoAttack's check): the losses of attacks saturate on them. Logits are not so by "
        "chance; the share is AutoAttack's for Square",
        "get probabilities instead of logits",
    ),
    "zero-gradient": Indicator(
        0.002,
        "an ascent cannot start where the gradient is exactly zero (Pintor, indicator 1; AutoAttack's check). "
        "The share is AutoAttack's for Square",
        "have an input gradient of exactly zero",
    ),
    "flat": Indicator(
        0.05,
        "along the gradient a differentiable loss rises, for a while at least: the share is 0 by definition, a half if "
        "the direction is noise; 5 % are left to kinks and rounding",
        "have a loss that rises nowhere along its own gradient",
    ),
    "unbounded": Indicator(
        0.01,
        "the ball holds every image, so one of another class: accuracy must be 0 (Carlini 2019, section 4), and "
        "Pintor's indicator 6 counts each image that is left; 1 % are left to searches that end in a corner. A larger "
        "share would hide the sign at small n: of 48 images 5 are significant, and at 5 % it would take 9",
        "withstand PGD that may change them at will",
    ),
    "squashed": Indicator(
        0.05,
        "a monotone function behind the last linear layer changes no class, but may flatten the loss: attacks belong "
        "before it (Carlini, Wagner 2017, on defensive distillation; Athalye 2018, section 4.1: what has no useful "
        "gradient is left out backwards). Without one the share is 0 by definition; 5 % are allowed because "
        "two searches differ by chance",
        "withstand PGD-20 on the model's outputs and not on those of its last linear layer",
    ),
    "noise": Indicator(
        0.02,
        "half a step of 8 bits is what storing an image costs. A model whose test error falls when images are exactly "
        "these has seen them; one that has not is as right on images that no file can tell from them: errors grow with "
        'the size of noise from the clean error on (Ford et al., "Adversarial Examples Are a Natural Consequence of '
        'Test Error in Noise", ICML 2019, arXiv:1901.10513). 2 % are left to images at a border',
        "are right only without random noise of half an 8-bit step",
        of_clean=True,
    ),
    "planted": Indicator(
        0.05,
        "the example is there by construction and any correct attack must find it (Zimmermann 2022); one in twenty is "
        "allowed to fail by chance",
        "keep an adversarial example that was planted",
    ),
}


POWER = 0.95  # statistical power of the test of an indicator, for `visible_share`


def visible_share(n: int, limit: Limit) -> float:
    """The smallest true share of images, in steps of 1 %, at which the test on n images rejects with power POWER.

    1.0 if there is none, as even all n images would not be significant.
    """
    least = next((images for images in range(n + 1) if binomial_exceeds(images, n, limit.share) < SIGNIFICANCE), n + 1)
    shares = (percent / 100 for percent in range(1, 100))
    return next((share for share in shares if binomial_exceeds(least, n, share) > POWER), 1.0)
