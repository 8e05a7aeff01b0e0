"""What a count of images can and cannot say."""

import math


def wilson(right: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927)."""
    if n <= 0:
        raise ValueError("an interval needs at least one image")
    p, zz = right / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z / (1 + zz / n) * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    low = 0.0 if right == 0 else max(0.0, centre - half)  # rounding would leave 1e-17 there
    return low, 1.0 if right == n else min(1.0, centre + half)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that two models differ, from the images that only one of them gets right."""
    from scipy.stats import binomtest

    disagreements = only_first + only_second
    return 1.0 if disagreements == 0 else float(binomtest(only_first, disagreements).pvalue)
