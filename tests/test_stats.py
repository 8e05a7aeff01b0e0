"""The statistics agree with statsmodels."""

import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from bench.stats import mcnemar, wilson


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
