"""Confidence intervals and tests for accuracies: of one model, of two on the same images, over seeds."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import product
from statistics import fmean, variance
from typing import Literal

import numpy as np

Array = np.ndarray[tuple[int], np.dtype[np.float64]]
FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Counts = np.ndarray[tuple[int], np.dtype[np.int64]]
Seeds = Sequence[np.ndarray[tuple[int], np.dtype[np.bool_]]]  # for each seed (n,) bool, True where correct
Summary = tuple[float | None, float | None, float | None, int]  # value, interval, number of images
Z_95 = 1.959963984540054  # of 95 %
MAX_NUMBERS = 2**22  # in an array of bootstrap distributions


def wilson(right: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927). ValueError without images."""
    if n <= 0:
        raise ValueError("an interval needs at least one image")
    p, zz = right / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z / (1 + zz / n) * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    low = 0.0 if right == 0 else max(0.0, centre - half)  # rounding would leave 1e-17 there
    return low, 1.0 if right == n else min(1.0, centre + half)


def mean_of(values: Array) -> Summary:
    """The mean of one number from 0 to 1 an image, with its 95 % interval by the normal approximation."""
    n, mean = len(values), float(values.mean())
    half = Z_95 * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else 1.0
    return mean, max(0.0, mean - half), min(1.0, mean + half), n


def median_of(values: Array) -> Summary:
    """The (lower) median of one number an image, with its 95 % interval: between two of the numbers, by their ranks."""
    n, ordered = len(values), np.sort(values)
    half = Z_95 * math.sqrt(n) / 2
    low, high = max(0, math.floor(n / 2 - half)), min(n - 1, math.ceil(n / 2 + half))
    return float(ordered[(n - 1) // 2]), float(ordered[low]), float(ordered[high]), n


@cache  # a report needs thousands, many of them with equal counts
def mcnemar(only_first: int, only_second: int, alternative: Literal["two-sided", "greater"] = "two-sided") -> float:
    """Exact p-value (McNemar) that two models differ, or (greater) that the first is better.

    only_first, only_second: number of images that only the first, or only the second model classifies correctly.
    """
    from scipy.special import bdtr, bdtrc  # the tails of a binomial, without the checks of scipy.stats

    disagreements, fewer = only_first + only_second, min(only_first, only_second)
    if alternative == "greater":
        return binomial_exceeds(only_first, disagreements, 0.5)
    if only_first == only_second:
        return 1.0
    # both tails; the binomial at 1/2 is symmetric, so the second needs no search as in scipy's binomtest
    both = bdtr(fewer, disagreements, 0.5) + bdtrc(disagreements - fewer - 1, disagreements, 0.5)
    return min(1.0, float(both))  # rounding may give slightly more than 1


def mcnemar_over_seeds(one: Seeds, other: Seeds) -> float:
    """The highest McNemar p-value over all pairs of a seed of one and a seed of the other.

    Pairs with different numbers of images are left out; NaN if no pair is left.
    """
    pairs = [(a, b) for a, b in product(one, other) if len(a) == len(b)]
    return max((mcnemar(int((a & ~b).sum()), int((b & ~a).sum())) for a, b in pairs), default=math.nan)


@cache
def binomial_exceeds(events: int, n: int, rate: float) -> float:
    """Exact p-value that the true rate is above `rate`: the chance of at least `events` events in n images."""
    from scipy.special import bdtrc

    return float(bdtrc(events - 1, n, rate))


def fisher_fewer(before: int, after: int, n: int) -> float:
    """Exact one-sided p-value (Fisher) that accuracy fell, from the counts of correct images of two samples of n."""
    from scipy.stats import fisher_exact

    return float(fisher_exact(np.array([[before, n - before], [after, n - after]]), alternative="greater").pvalue)


def t_test_lower(before: Sequence[float], after: Sequence[float]) -> float:
    """One-sided p-value (Student's t) that the mean fell; needs at least two values before and after.

    Under the null hypothesis nothing has changed, so the variances are equal and Welch's correction is not needed.
    """
    from scipy.special import stdtr

    freedom = len(before) + len(after) - 2
    pooled = ((len(before) - 1) * variance(before) + (len(after) - 1) * variance(after)) / freedom
    fall = fmean(before) - fmean(after)
    if pooled == 0:
        return 0.0 if fall > 0 else 1.0
    return float(stdtr(freedom, -fall / math.sqrt(pooled * (1 / len(before) + 1 / len(after)))))


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a mean by Student's t. ValueError with fewer than two values."""
    if len(values) < 2:
        raise ValueError("an interval of a mean needs at least two values")
    from scipy.special import stdtrit

    half = float(stdtrit(len(values) - 1, 0.975)) * math.sqrt(variance(values) / len(values))
    return fmean(values) - half, fmean(values) + half


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of a family of tests, in their order, that control its family-wise error rate (Holm 1979)."""
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def paired_bootstraps(only_one: Counts, only_other: Counts, n: int) -> tuple[Array, Array]:
    """Lower and upper ends (P,) of `paired_bootstrap` for P pairs of single seeds, from their counts on n images.

    only_one, only_other: (P,), images that only the first, or only the second of a pair classifies correctly.
    """
    size = 1 << (2 * n).bit_length()
    turn = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    ends, step = np.empty((len(only_one), 2)), max(1, MAX_NUMBERS // size)
    for start in range(0, len(ends), step):
        part = slice(start, start + step)
        more, less = (counts[part, None] / n for counts in (only_one, only_other))
        sums = np.fft.irfft((less + (1 - more - less) * turn + more * turn**2) ** n, size)
        below = np.cumsum(sums, axis=1)
        ends[part] = np.stack([(below < level).sum(axis=1) for level in (0.025, 0.975)], axis=1) - n
    return ends[:, 0] / n, ends[:, 1] / n


def paired_bootstrap(one: Seeds, other: Seeds) -> tuple[float, float]:
    """95 % bootstrap percentile interval of mean accuracy of `one` minus that of `other`, resampling images.

    one, other: outcomes of each seed on the same images. No random numbers are needed: the bootstrap distribution is
    that of a sum of n independent draws, so it is the n-fold convolution of one draw's, which is computed by FFT.

    Raises ValueError without images.
    """
    whole = len(other) * np.sum(one, axis=0, dtype=int) - len(one) * np.sum(other, axis=0, dtype=int)
    if not len(whole):
        raise ValueError("an interval needs at least one image")
    n, lowest = len(whole), int(whole.min())
    counts = np.bincount(whole - lowest)
    size = 1 << (n * (len(counts) - 1)).bit_length()  # of all sums; a power of two is quick
    chances = np.fft.irfft(np.fft.rfft(counts / n, size) ** n, size) if size > 1 else np.ones(1)
    low, high = np.searchsorted(np.cumsum(chances), [0.025, 0.975])
    unit = n * len(one) * len(other)
    return float(low + n * lowest) / unit, float(high + n * lowest) / unit
