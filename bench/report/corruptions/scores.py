"""Robustness scores and corruption errors.

Hendrycks & Dietterich, ICLR 2019, arXiv:1903.12261 (corruption error); Laugros, Caplier, Ospici, 2020, arXiv:2008.08384
(robustness score and its marks).
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from bench.core.files import Bits
from bench.core.stats import Z, wilson
from bench.report.accuracy import Estimate, mean_over_seeds

ALEXNET = {  # error by corruption, mean over severities, on ImageNet-1k; from augmix, in the order of ImageNet-C
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}
ALEXNET_CLEAN = 0.43478  # torchvision's AlexNet


NOTHING = Estimate(math.nan, math.nan, math.nan)


def score(treated: Sequence[Bits], clean: Bits) -> tuple[Estimate, Estimate]:
    """Accuracy under a treatment, and its ratio to clean accuracy.

    treated: outcomes on the same images, one for each severity. Intervals are of the images alone: of a mean by the
    spread of the images' own means, of a ratio by the delta method, as both of its parts are of the same images.
    """
    share, right = np.mean(treated, axis=0), clean.astype(float)
    accuracy = _accuracy(treated, share)
    if not clean.any():
        return accuracy, NOTHING
    ratio = float(share.mean() / right.mean())
    return accuracy, _around(ratio, (share - ratio * right) / right.mean())


def _accuracy(treated: Sequence[Bits], share: np.ndarray[Any, np.dtype[np.float64]]) -> Estimate:
    if len(treated) > 1:
        return _around(float(share.mean()), share)
    return Estimate(float(share.mean()), *wilson(int(share.sum()), len(share)))


def _around(value: float, parts: np.ndarray[Any, np.dtype[np.float64]]) -> Estimate:
    half = Z * float(parts.std()) / math.sqrt(len(parts))
    return Estimate(value, max(0.0, value - half), value + half)


def mce(errors: Mapping[str, float]) -> float:
    """Mean corruption error in percent of AlexNet's, of errors by corruption; NaN where one is missing."""
    return 100 * fmean(errors.get(name, math.nan) / alexnet for name, alexnet in ALEXNET.items())


def relative_mce(errors: Mapping[str, float], clean_error: float) -> float:
    """The same of what corruptions add to the error on clean images."""
    added = {name: errors.get(name, math.nan) - clean_error for name in ALEXNET}
    return 100 * fmean(added[name] / (alexnet - ALEXNET_CLEAN) for name, alexnet in ALEXNET.items())


def mark(own: Estimate, reference: Estimate, digits: int = 2) -> str:
    """+ or - where a number differs from the reference's beyond both intervals, and as they are shown.

    Beyond both: by more than the interval of a difference, were they of different images; of the same it is narrower.
    """
    difference = round(own.value, digits) - round(reference.value, digits)
    if own.value > reference.value:
        sides = own.value - own.low, reference.high - reference.value
    else:
        sides = own.high - own.value, reference.value - reference.low
    within = math.hypot(*(0.0 if math.isnan(side) else side for side in sides))
    if math.isnan(difference) or not difference or abs(own.value - reference.value) <= within:
        return ""
    return "+" if difference > 0 else "-"


def combine_seeds(seeds: list[Estimate]) -> Estimate:
    """Of one seed its own interval; of several mean and standard deviation."""
    if len(seeds) == 1:
        return seeds[0]
    mean = mean_over_seeds([seed.value for seed in seeds], lowest=0.0)
    return Estimate(mean.value, mean.low, mean.high)
