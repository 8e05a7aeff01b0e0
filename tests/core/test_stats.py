"""The statistics agree with statsmodels and with limits."""

from itertools import combinations, product

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import proportion_confint

from bench.core.stats import mcnemar, mcnemar_over_seeds, paired_bootstrap, paired_bootstraps, wilson


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


def test_a_p_value_is_at_most_1() -> None:
    assert all(mcnemar(one, other) <= 1 for one in range(60) for other in (one, one + 1))


def test_the_bootstrap_interval_is_that_of_the_normal_limit() -> None:
    one = [np.repeat([False, True, True], [300, 650, 50])]
    other = [np.repeat([True, True, False], [300, 650, 50])]
    error = np.std(one[0].astype(int) - other[0]) / np.sqrt(1000)
    assert paired_bootstrap(one, other) == pytest.approx((-0.25 - 1.96 * error, -0.25 + 1.96 * error), abs=0.05 * error)
    assert paired_bootstrap(one, one) == (0, 0)
    everything, nothing = [np.ones(7, bool)], [np.zeros(7, bool)]
    assert paired_bootstrap(everything, nothing) == (1, 1)
    with pytest.raises(ValueError, match="at least one image"):
        paired_bootstrap([np.ones(0, bool)], [np.ones(0, bool)])


@pytest.mark.parametrize("n", [1, 2, 60, 257, 1000])
def test_intervals_of_many_pairs_are_those_of_each(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bits = np.random.default_rng(n).random((12, n)) < np.linspace(0, 1, 12)[:, None]
    pairs = list(combinations(bits, 2))
    only_one, only_other = (np.array([(a & ~b).sum() for a, b in ways]) for ways in (pairs, [(b, a) for a, b in pairs]))
    expected = [paired_bootstrap([a], [b]) for a, b in pairs]
    for most in (1, 2**22):
        monkeypatch.setattr("bench.core.stats.MAX_NUMBERS", most)
        found = paired_bootstraps(only_one, only_other, n)
        assert np.stack(found, axis=1) == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize(("seeds", "others"), [(1, 1), (2, 3)])
def test_the_bootstrap_interval_is_that_of_every_way_to_draw_the_images(seeds: int, others: int) -> None:
    rng = np.random.default_rng(0)
    one, other = ([row > 0.4 for row in rng.random((count, 5))] for count in (seeds, others))
    apart = np.mean(one, axis=0) - np.mean(other, axis=0)
    means = np.sort(apart[np.array(list(product(range(5), repeat=5)))].mean(axis=1))
    expected = np.quantile(means, [0.025, 0.975], method="inverted_cdf")
    assert paired_bootstrap(one, other) == pytest.approx(tuple(expected), abs=1e-12)


def test_of_several_seeds_the_least_sure_pair_counts() -> None:
    sure, unsure, best = np.arange(20) < 10, np.arange(20) < 18, np.ones(20, bool)
    assert mcnemar_over_seeds([sure, unsure], [best]) == mcnemar(0, 2)
    assert np.isnan(mcnemar_over_seeds([sure], [best[:7]]))
