"""The statistics agree with statsmodels and with limits."""

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from bench.stats import mcnemar, paired_bootstrap, wilson


@pytest.mark.parametrize("n", [1, 7, 300, 10_000])
def test_wilson_is_statsmodels_interval(n: int) -> None:
    for right in {0, 1, n // 3, n - 1, n}:
        assert wilson(right, n) == pytest.approx(proportion_confint(right, n, method="wilson"), abs=1e-12)


def test_wilson_stays_inside_and_needs_an_image() -> None:
    assert wilson(0, 300)[0] == 0.0
    assert wilson(300, 300)[1] == 1.0
    with pytest.raises(ValueError, match="at least one image"):
        wilson(0, 0)


@pytest.mark.parametrize("pair", [(0, 0), (1, 0), (0, 6), (3, 3), (10, 25), (400, 350)])
def test_mcnemar_is_the_exact_test(pair: tuple[int, int]) -> None:
    expected = reference_mcnemar([[50, pair[0]], [pair[1], 50]], exact=True).pvalue if any(pair) else 1.0
    assert mcnemar(*pair) == pytest.approx(expected, rel=1e-9)


def test_the_bootstrap_interval_is_that_of_the_normal_limit_and_repeats_itself() -> None:
    differences = np.repeat([-1.0, 0.0, 1.0], [300, 650, 50])
    low, high = paired_bootstrap(differences)
    error = differences.std() / np.sqrt(len(differences))
    assert (low, high) == pytest.approx((-0.25 - 1.96 * error, -0.25 + 1.96 * error), abs=0.05 * error)
    assert (low, high) == paired_bootstrap(differences[::-1])
    assert paired_bootstrap([0.0] * 7) == (0, 0)
    with pytest.raises(ValueError, match="at least one image"):
        paired_bootstrap([])
