"""Threats: projection, steepest direction and noise in the ball of each norm."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from bench import L1, L2, Linf
from bench.core.rng import fixed_seed
from bench.core.threats.lengths import tolerance

THREATS = [Linf(0.1), L2(0.7), L1(2.0)]
DUAL = {Linf: 1, L2: 2, L1: math.inf}  # p of the dual norm


@pytest.fixture(autouse=True)
def same_draws():
    with fixed_seed("vocabulary"):
        yield


@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_projection_gives_allowed_images_and_leaves_them_alone(threat):
    x, away = torch.rand(20, 3, 4, 4), 2 * torch.rand(20, 3, 4, 4) - 0.5
    inside = threat.project(away, x)
    assert (threat.distance(away, x) > threat.eps).all()
    assert (threat.distance(inside, x) <= threat.eps + 1e-6).all()
    assert inside.min() >= 0
    assert inside.max() <= 1
    assert torch.allclose(threat.project(inside, x), inside, atol=1e-6)
    assert torch.equal(threat.project(x, x), x)


@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_projection_is_the_nearest_point_of_the_ball(threat):
    """No allowed image is closer: x_adv - p makes no acute angle with any way from p into the ball."""
    x, away = torch.full((20, 3, 4, 4), 0.5), 0.5 + 0.3 * torch.randn(20, 3, 4, 4).clamp(-1.5, 1.5)
    p = threat.project(away, x)
    others = [threat.project(x + threat.noise(x), x) for _ in range(20)]
    others.append(threat.project(x + threat.eps * threat.steepest(away - p), x))
    for z in others:
        assert ((away - p) * (z - p)).flatten(1).sum(1).max() <= 1e-5


@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_a_radius_for_each_image_is_the_projection_into_a_ball_of_its_own(threat):
    x, away = torch.rand(20, 3, 4, 4), 2 * torch.rand(20, 3, 4, 4) - 0.5
    radii = threat.eps * torch.rand(20)
    together = threat.project(away, x, radii)
    for image, radius in enumerate(radii.tolist()):
        alone = replace(threat, eps=radius).project(away[image : image + 1], x[image : image + 1])
        assert torch.allclose(together[image], alone[0], atol=1e-6)


def test_no_solver_finds_a_nearer_point_than_the_projection_of_l1_where_the_range_of_pixels_limits_it():
    """min |z - away|^2 with z = x + p - m, p, m >= 0, sum(p + m) <= eps and z in [0, 1], by quadratic programming."""
    for eps in (0.3, 1.0, 2.5):
        x, away = torch.rand(4, 1, 2, 3, dtype=torch.float64), 3 * torch.rand(4, 1, 2, 3, dtype=torch.float64) - 1
        found = L1(eps).project(away, x)
        assert found.min() >= 0
        assert found.max() <= 1
        assert ((found - x).abs().flatten(1).sum(1) <= eps + 1e-9).all()
        for image, goal, clean in zip(found, away, x, strict=True):
            goal, clean = goal.flatten().numpy(), clean.flatten().numpy()

            def squared_distance(parts, goal=goal, clean=clean):
                return ((clean + parts[:6] - parts[6:] - goal) ** 2).sum()

            solved = minimize(
                squared_distance,
                np.zeros(12),
                bounds=[*((0, 1 - pixel) for pixel in clean), *((0, pixel) for pixel in clean)],
                constraints={"type": "ineq", "fun": lambda parts, eps=eps: eps - parts.sum()},
                options={"ftol": 1e-10, "maxiter": 500},
            )
            ours = ((image.flatten().numpy() - goal) ** 2).sum()
            assert -1e-3 < ours - squared_distance(solved.x) < 1e-8, solved.message  # the solver may end a bit above


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_projection_of_l1_is_exact_in_many_dimensions(dtype):
    """Of an image of CIFAR's size: the threshold by bisection, and no further from the ball than rounding."""
    x, away = torch.rand(5, 3, 32, 32, dtype=dtype), 4 * torch.rand(5, 3, 32, 32, dtype=dtype) - 1.5
    x[0], away[0] = 0, 0.001  # whose changes sum up to about 3
    for eps in (1e-6, 0.5, 12.0, 500.0, math.inf):
        found = L1(eps).project(away, x)
        change = (away - x).double()
        room = torch.where(change > 0, 1 - x.double(), x.double())
        low, high = torch.zeros(5, 1, 1, 1, dtype=torch.float64), change.abs().amax((1, 2, 3), keepdim=True)
        for _ in range(80):
            middle = (low + high) / 2
            outside = (change.abs() - middle).clamp_min(0).minimum(room).sum((1, 2, 3), keepdim=True) > eps
            low, high = torch.where(outside, middle, low), torch.where(outside, high, middle)
        wanted = x + change.sign() * (change.abs() - high).clamp_min(0).minimum(room)
        assert (found - wanted).abs().max() < (5e-5 if dtype == torch.float32 else 1e-9)
        assert (L1(eps).distance(found, x) <= eps + tolerance(eps)).all()
        assert found.min() >= 0
        assert found.max() <= 1


def test_projection_in_closed_form():
    x, away = torch.tensor([0.5, 0.95]).view(1, 1, 1, 2), torch.tensor([0.8, 1.35]).view(1, 1, 1, 2)
    assert Linf(0.1).project(away, x).flatten().tolist() == pytest.approx([0.6, 1.0])
    assert L2(0.25).project(away, x).flatten().tolist() == pytest.approx([0.65, 1.0])  # 0.3 and 0.4 make 0.5
    assert L2(0.25).distance(away, x).item() == pytest.approx(0.5)
    assert L1(0.1).project(away, x).flatten().tolist() == pytest.approx([0.55, 1.0])  # the second has room for 0.05
    assert L1(0.1).distance(away, x).item() == pytest.approx(0.7)
    assert Linf(0.1).distance(away, x).item() == pytest.approx(0.4)


@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_the_steepest_step_has_length_one_and_gains_the_dual_norm(threat):
    grad = torch.randn(10, 3, 4, 4)
    step = threat.steepest(grad)
    gain = (grad * step).flatten(1).sum(1)
    dual = grad.flatten(1).norm(p=DUAL[type(threat)], dim=1)
    assert torch.allclose(threat.dual(grad), dual)
    assert torch.allclose(threat.distance(step, torch.zeros_like(step)), torch.ones(10))
    assert torch.allclose(gain, dual)
    assert not threat.steepest(torch.zeros(2, 1, 2, 2)).any()


def test_linf_noise_is_uniform_in_every_pixel():
    noise = Linf(0.1).noise(torch.zeros(2000, 1, 2, 2))
    assert noise.abs().max() <= 0.1
    assert noise.mean().item() == pytest.approx(0, abs=0.003)
    assert noise.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.03)


def test_l2_noise_is_uniform_in_the_ball():
    """In n dimensions (r / eps)^n is uniform, and all directions are alike."""
    noise = L2(0.7).noise(torch.zeros(4000, 1, 2, 2)).flatten(1)
    filled = (noise.norm(dim=1) / 0.7) ** 4
    assert filled.max() <= 1 + 1e-5
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert (filled < share).float().mean().item() == pytest.approx(share, abs=0.03)
    assert noise.mean(0).abs().max() < 0.02
    assert torch.allclose(noise.T.cov(), torch.eye(4) * 0.49 / 6, atol=0.005)  # eps^2 / (n + 2)


def test_l1_noise_is_uniform_in_the_ball():
    """In n dimensions (r / eps)^n is uniform, and a pixel has the variance 2 eps^2 / ((n + 1) (n + 2))."""
    noise = L1(0.7).noise(torch.zeros(8000, 1, 2, 2)).flatten(1)
    filled = (noise.abs().sum(1) / 0.7) ** 4
    assert filled.max() <= 1 + 1e-5
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert (filled < share).float().mean().item() == pytest.approx(share, abs=0.03)
    assert noise.mean(0).abs().max() < 0.02
    assert torch.allclose(noise.T.cov(), torch.eye(4) * 0.49 / 15, atol=0.003)


def test_a_step_in_l1_moves_one_percent_of_the_pixels_and_what_they_have_no_room_for_goes_to_the_next():
    grad, middle = torch.arange(1.0, 401).view(1, 4, 10, 10), torch.full((1, 4, 10, 10), 0.5)
    assert L1(1.0).steepest(grad).flatten()[-5:].tolist() == [0, 0.25, 0.25, 0.25, 0.25]
    full = middle.flatten().clone()
    full[-2:] = torch.tensor([0.875, 1.0])
    for sign, start in ((1, full), (-1, 1 - full)):
        assert torch.equal(L1(1.0).move(middle, sign * grad, 1.0), middle + L1(1.0).steepest(sign * grad))
        moved = sign * (L1(1.0).move(start.view_as(grad), sign * grad, 1.0).flatten() - start)
        assert moved[-7:].tolist() == [0, 0.125, 0.25, 0.25, 0.25, 0.125, 0]
        assert not moved[:-6].any()
    assert torch.equal(L1(1.0).move(middle, torch.zeros_like(grad), 1.0), middle)
    assert L1(1.0).move(middle, grad, 500.0).min() == 1
