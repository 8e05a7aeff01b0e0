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
from bench.core.stats import Z_95, wilson
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


NO_ESTIMATE = Estimate(math.nan, math.nan, math.nan)


def score(corrupted: Sequence[Bits], clean: Bits) -> tuple[Estimate, Estimate]:
    """Accuracy under a corruption or attack, and its ratio to clean accuracy (robustness score).

    corrupted: outcomes (n,) on the same images, one for each severity. Intervals are over images: of a mean from the
    standard deviation of the images' means, of the ratio by the delta method, as both parts are of the same images.
    """
    share, right = np.mean(corrupted, axis=0), clean.astype(float)
    accuracy = _accuracy(corrupted, share)
    if not clean.any():
        return accuracy, NO_ESTIMATE
    ratio = float(share.mean() / right.mean())
    return accuracy, _with_interval(ratio, (share - ratio * right) / right.mean())


def _accuracy(corrupted: Sequence[Bits], share: np.ndarray[Any, np.dtype[np.float64]]) -> Estimate:
    if len(corrupted) > 1:
        return _with_interval(float(share.mean()), share)
    return Estimate(float(share.mean()), *wilson(int(share.sum()), len(share)))


def _with_interval(value: float, parts: np.ndarray[Any, np.dtype[np.float64]]) -> Estimate:
    half = Z_95 * float(parts.std()) / math.sqrt(len(parts))
    return Estimate(value, max(0.0, value - half), value + half)


def mce(errors: Mapping[str, float]) -> float:
    """Mean corruption error (mCE) in percent of AlexNet's. errors: by corruption, 0 to 1; NaN if one is missing."""
    return 100 * fmean(errors.get(name, math.nan) / alexnet for name, alexnet in ALEXNET.items())


def relative_mce(errors: Mapping[str, float], clean_error: float) -> float:
    """Relative mCE: as `mce`, of the increase of the error over that on clean images."""
    added = {name: errors.get(name, math.nan) - clean_error for name in ALEXNET}
    return 100 * fmean(added[name] / (alexnet - ALEXNET_CLEAN) for name, alexnet in ALEXNET.items())


def mark(own: Estimate, reference: Estimate, digits: int = 2) -> str:
    """+ or - if a score is above or below the reference by more than the interval of their difference; else empty.

    They must also differ when rounded to `digits` decimals. The interval's half width is the root of the sum of squares
    of the two half widths, as for independent images; for the same images, as here, the true one is narrower.
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
    """Combine seeds: one keeps its interval, several give their mean -+ standard deviation."""
    if len(seeds) == 1:
        return seeds[0]
    mean = mean_over_seeds([seed.value for seed in seeds], lowest=0.0)
    return Estimate(mean.value, mean.low, mean.high)
