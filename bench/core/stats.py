"""What a count of images can and cannot say."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import product
from statistics import fmean, variance
from typing import Literal

import numpy as np

Array = np.ndarray[tuple[int], np.dtype[np.float64]]
Seeds = Sequence[np.ndarray[tuple[int], np.dtype[np.bool_]]]  # right or wrong by image, of each seed
Summary = tuple[float | None, float | None, float | None, int]  # value, its interval, and the images it is of
Z = 1.959963984540054  # of 95 %


def wilson(right: int, n: int, z: float = Z) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927)."""
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
    half = Z * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else 1.0
    return mean, max(0.0, mean - half), min(1.0, mean + half), n


def median_of(values: Array) -> Summary:
    """The (lower) median of one number an image, with its 95 % interval: between two of the numbers, by their ranks."""
    n, ordered = len(values), np.sort(values)
    half = Z * math.sqrt(n) / 2
    low, high = max(0, math.floor(n / 2 - half)), min(n - 1, math.ceil(n / 2 + half))
    return float(ordered[(n - 1) // 2]), float(ordered[low]), float(ordered[high]), n


@cache  # a report asks for thousands, and the same counts come again
def mcnemar(only_first: int, only_second: int, alternative: Literal["two-sided", "greater"] = "two-sided") -> float:
    """Exact p-value that two models differ (or that the first is better), from the images that one alone gets right."""
    from scipy.special import bdtr, bdtrc  # the tails of a binomial, without the checks of scipy.stats

    disagreements, fisher_fewer = only_first + only_second, min(only_first, only_second)
    if alternative == "greater":
        return binomial_exceeds(only_first, disagreements, 0.5)
    if only_first == only_second:
        return 1.0
    # the two tails; scipy's binomtest searches for the second, which at 1/2 is as far from the middle as the first
    both = bdtr(fisher_fewer, disagreements, 0.5) + bdtrc(disagreements - fisher_fewer - 1, disagreements, 0.5)
    return min(1.0, float(both))  # their last digits may come to more


def mcnemar_over_seeds(one: Seeds, other: Seeds) -> float:
    """The highest p-value over pairs of their seeds; NaN where none saw the same images."""
    pairs = [(a, b) for a, b in product(one, other) if len(a) == len(b)]
    return max((mcnemar(int((a & ~b).sum()), int((b & ~a).sum())) for a, b in pairs), default=math.nan)


@cache
def binomial_exceeds(events: int, n: int, rate: float) -> float:
    """Exact p-value that n images show more events than a rate of them would by chance."""
    from scipy.special import bdtrc

    return float(bdtrc(events - 1, n, rate))


def fisher_fewer(before: int, after: int, n: int) -> float:
    """Exact p-value (Fisher) that fewer of n images are right after than before, were they other images each time."""
    from scipy.stats import fisher_exact

    return float(fisher_exact(np.array([[before, n - before], [after, n - after]]), alternative="greater").pvalue)


def t_test_lower(before: Sequence[float], after: Sequence[float]) -> float:
    """p-value (Student's t) that the mean is lower after than before; two values on each side at least.

    The hypothesis is that nothing has changed, and then the variances are equal too: no need for Welch's correction.
    """
    from scipy.special import stdtr

    freedom = len(before) + len(after) - 2
    pooled = ((len(before) - 1) * variance(before) + (len(after) - 1) * variance(after)) / freedom
    fall = fmean(before) - fmean(after)
    if pooled == 0:
        return 0.0 if fall > 0 else 1.0
    return float(stdtr(freedom, -fall / math.sqrt(pooled * (1 / len(before) + 1 / len(after)))))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of a family, raised so that alpha bounds the chance of one false alarm in all of it (Holm 1979)."""
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def paired_bootstrap(one: Seeds, other: Seeds) -> tuple[float, float]:
    """The 95 % percentile interval of the difference of two mean accuracies, were the images drawn anew.

    one, other: outcomes on the same images, of each seed. Nothing is drawn: the bootstrap's own distribution is that of
    a sum of n draws, the n-fold convolution of one draw's, here by FFT.
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
