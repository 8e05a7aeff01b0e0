"""The toy models of adversarial feature overfitting: closed forms against simulation, optimisation and known values."""

import math
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from result_files import measure
from scipy.optimize import minimize_scalar

from bench.report.studies.page import StudyPage
from bench.report.studies.toy import model as toy

pytestmark = pytest.mark.figures

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("n", "s", "nu", "exact", "sufficient"),
    [
        (1, 0.5, 0.0, 0.5, 0.25),
        (1, 0.5, 0.5, 0.2083333, 0.125),
        (1, 2.0, 0.5, 0.1166667, 0.05),
        (4, 0.5, 0.5, 0.35, 0.25),
        (4, 2.0, 0.5, 0.25, 0.125),
        (25, 2.0, 0.5, 0.3928571, 0.25),
        (9, 3.0, 1.0, 0.0, 0.0),
    ],
)
def test_radii_of_theorem_1(n, s, nu, exact, sufficient):
    assert toy.radius_of_equal_bounds(n, s, nu) == pytest.approx(exact, abs=1e-7)
    assert toy.radius_of_theorem_1(n, s, nu) == pytest.approx(sufficient, abs=1e-7)


@pytest.mark.parametrize(("n", "s", "nu"), [(1, 0.5, 0.5), (4, 2.0, 0.3), (25, 2.0, 0.9)])
def test_the_bounds_are_equal_at_eps_star_and_ordered_before_it(n, s, nu):
    eps = toy.radius_of_equal_bounds(n, s, nu)
    assert toy.error_bound(100, n, nu * s, eps) == pytest.approx(toy.error_bound(100, n, s), rel=1e-9)
    assert toy.error_bound(100, n, nu * s, 0.99 * eps) < toy.error_bound(100, n, s)
    assert toy.error_bound(100, n, nu * s, toy.radius_of_theorem_1(n, s, nu)) <= toy.error_bound(100, n, s)


def test_the_paper_s_radius_never_exceeds_the_exact_one():
    for n, s, nu in np.c_[RNG.integers(1, 100, 200), RNG.uniform(0.01, 5, 200), RNG.uniform(0, 1, 200)]:
        assert toy.radius_of_theorem_1(int(n), s, nu) <= toy.radius_of_equal_bounds(int(n), s, nu) + 1e-12


def test_corollary_1_is_the_slope_in_the_robust_spread():
    n, s, step = 4, 2.0, 1e-6
    rise = toy.radius_of_theorem_1(n, s, 0.5 - step / s) - toy.radius_of_theorem_1(n, s, 0.5)
    assert rise / step == pytest.approx(toy.slope_of_theorem_1(n, s), rel=1e-6)


def test_no_bound_beyond_kappa():
    with pytest.raises(ValueError, match="is beyond kappa"):
        toy.error_bound(10, 1, 0.0, 0.6)


@pytest.mark.parametrize(("n", "s"), [(1, 2.0), (4, 2.0), (16, 4.0)])
def test_the_lemma_holds_in_simulation(n, s):
    theta = np.ones(400)
    found = toy.learn(theta, n, s, 1000, np.random.default_rng(0)) @ theta
    assert np.mean(found >= toy.kappa(n, s) * 20) >= toy.probability(400, s)
    if (n, s) == (1, 2.0):  # loose
        assert found.mean() == pytest.approx(8.95, abs=0.1)
        assert toy.kappa(n, s) * 20 == pytest.approx(2.0)


def test_means_are_drawn_as_averages_of_images_would_be():
    theta, images = np.ones(50), np.ones(50) + 2.0 * np.random.default_rng(1).standard_normal((4000, 9, 50))
    means = images.mean(1)
    averaged = (means / np.linalg.norm(means, axis=1, keepdims=True)) @ theta
    drawn = toy.learn(theta, 9, 2.0, 4000, np.random.default_rng(0)) @ theta
    assert drawn.mean() == pytest.approx(averaged.mean(), rel=0.01)
    assert drawn.std() == pytest.approx(averaged.std(), rel=0.1)


def test_exact_errors_are_the_shares_that_fail():
    theta, s, eps = np.ones(20), 2.0, 0.3
    w = toy.learn(theta, 4, s, 1, np.random.default_rng(0))[0]
    margins = (theta + s * np.random.default_rng(1).standard_normal((100_000, 20))) @ w
    assert np.mean(margins < 0) == pytest.approx(toy.error(w, theta, s), abs=0.005)
    assert np.mean(margins - eps * np.abs(w).sum() < 0) == pytest.approx(toy.error(w, theta, s, eps), abs=0.005)
    assert toy.error(w, theta, s, eps) > toy.error(w, theta, s)


# examples 2 and 3


@pytest.mark.parametrize(
    ("d", "c", "r", "weight"),
    [(20, 5, 0.0, 0.0450450), (20, 5, 0.1, 0.0453333), (200, 50, 0.0, 0.00495000)],
)
def test_weights_of_theorem_3(d, c, r, weight):
    assert toy.weight_in_truth(d, c, r) == pytest.approx(weight, abs=1e-7)
    assert toy.weight_in_truth(d, c, 0.0) == pytest.approx(c / (c * d + 2 * c + 1))


@pytest.mark.parametrize("sample", [True, False])
@pytest.mark.parametrize(("d", "c", "sa"), [(20, 5, 0.1), (20, 5, 0.5), (200, 50, 0.1)])
def test_theorems_2_and_3_minimise_the_variance(d, c, sa, sample):
    """One number is free: the weight of the honest weak features; the others share the rest."""
    weak = toy.Weak(d=d, c=c, sa=sa)
    found = minimize_scalar(
        lambda wb: weak.variance(weak.tie_weights(wb), sample),
        bounds=(0, 1 / (d - c)),
        method="bounded",
        options={"xatol": 1e-10},
    )
    weight = toy.weight_in_sample if sample else toy.weight_in_truth
    assert found.x == pytest.approx(weight(d, c, weak.ratio), abs=1e-6)


def test_equal_weights_within_a_group_are_best_in_the_sample():
    """Untied, by Lagrange: weights go with the inverse variances."""
    weak = toy.Weak()
    inverse = 1 / np.square(np.r_[np.full(weak.c + 1, weak.sa), np.full(weak.d - weak.c, weak.sb)])
    assert np.allclose(inverse / inverse.sum(), weak.tie_weights(toy.weight_in_sample(weak.d, weak.c, weak.ratio)))


def test_theorem_2_goes_to_zero_with_r():
    weights = [toy.weight_in_sample(20, 5, r) for r in (1e-1, 1e-3, 1e-6)]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] < 1e-6


def test_the_true_robust_error_is_the_share_that_fails():
    weak, wb = toy.Weak(), 0.03
    rng, w = np.random.default_rng(0), toy.Weak().tie_weights(wb)
    assert w.sum() == pytest.approx(1)
    x = np.r_[1, np.full(weak.d, weak.eta)] + np.r_[weak.sa, np.full(weak.d, weak.sb)] * rng.standard_normal(
        (100_000, 21)
    )
    worst = x - weak.eps * np.sign(w)
    assert np.mean(worst @ w < 0) == pytest.approx(weak.robust_error(w), abs=0.005)


@pytest.mark.parametrize(("eps", "useful"), [(0.05, True), (0.2, True), (0.3, False), (0.4, False)])
def test_weak_features_are_of_use_within_their_mean_alone(eps, useful):
    assert (toy.Weak(eps=eps).best() > 0.01) == useful


def test_hard_labels_give_up_the_weak_features_and_soft_ones_stop_short():
    weak = toy.Weak()
    hard, soft = (weak.train(keep, np.random.default_rng(0)) for keep in (1.0, 0.9))
    for walked in (hard, soft):
        assert (walked >= 0).all()
        assert np.allclose(walked.sum(1), 1)
    weak_of = [walked[:, weak.c + 1 :].mean(1) for walked in (hard, soft)]
    assert weak_of[0][-1] < 0.001
    assert 0.5 * weak.best() < weak_of[1][-1] < weak.best()
    assert np.allclose(weak_of[1][-1], weak_of[1][-50], atol=2e-4)  # it has come to rest
    errors = [[weak.robust_error(w) for w in walked] for walked in (hard, soft)]
    assert errors[0][-1] > min(errors[0]) + 0.03  # robust overfitting
    assert errors[1][-1] < min(errors[1]) + 0.01
    assert errors[1][-1] < errors[0][-1]


def test_training_follows_the_slope_of_the_adversarial_loss():
    """The first step, against differences of the loss on the worst images."""
    weak = toy.Weak(images=50, steps=1)
    first, second = weak.train(0.9, np.random.default_rng(0))
    mean = np.r_[np.ones(weak.c + 1), np.full(weak.d - weak.c, weak.eta)]
    spread = np.r_[np.full(weak.c + 1, weak.sa), np.full(weak.d - weak.c, weak.sb)]
    x = mean + spread * np.random.default_rng(0).standard_normal((50, weak.d + 1))

    def loss(w):
        logit = weak.scale * (x @ w - weak.eps)
        return np.mean(0.9 * np.log1p(np.exp(-logit)) + 0.1 * np.log1p(np.exp(logit)))

    slope = np.array([(loss(first + step) - loss(first - step)) / 2e-6 for step in 1e-6 * np.eye(weak.d + 1)])
    moved = first * np.exp(-weak.rate * slope)
    assert np.allclose(second, moved / moved.sum(), atol=1e-9)


def test_the_page_stands_beside_a_study_s(tmp_path):
    measure(tmp_path, "", "1" * 10, recipe="AVmixup")
    made = StudyPage("avmixup").files(tmp_path)
    assert {"avmixup.md", "toy.md", "toy.csv", "toy.png", "toy.pdf"} <= set(made)
    assert len(made["toy.png"]().axes) == 3
    numbers = pd.read_csv(StringIO(made["toy.csv"]))
    last = numbers[numbers["labels"] == "hard labels"].iloc[-1]
    assert f"{last['wb']:.4f}" in made["toy.md"]
    assert math.isclose(numbers["eps*"].max(), toy.radius_of_equal_bounds(25, 1.0, 0.0))
