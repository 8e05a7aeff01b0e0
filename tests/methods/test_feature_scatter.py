"""Feature scattering against the authors' algorithm, one number at a time."""

import math

import pytest
import torch
from small import EPS, K, Q, close, net, set_beta_draws, training_pass
from torch import Tensor
from torch.nn import functional as F

from bench import RECIPES, smooth
from bench.core.rng import fixed_seed
from methods.avmixup import AvMixup
from methods.feature_scatter import Scatter, transport_cost
from methods.pgd_at import AdversarialTraining

SINKHORN = 0.01


def cosine_cost(a: Tensor, b: Tensor) -> Tensor:
    rows = [[1 - (p @ q) / (p.norm() * q.norm()) for q in b] for p in a]
    return torch.stack([torch.stack(row) for row in rows]).clamp(min=0)


def official(cost: Tensor, floor: float = 1e-6) -> tuple[Tensor, int]:
    """The plan and the rounds it took, in logarithms, as the specification writes it."""
    n = len(cost)
    log_mu = torch.full((n,), math.log(1 / n), dtype=torch.float64)
    u, v = torch.zeros(2, n, dtype=torch.float64)

    def m() -> Tensor:
        return torch.exp((-cost + u[:, None] + v[None, :]) / SINKHORN)

    count, change = 0, math.inf
    while count < 100 and change >= 0.1:
        old, count = u, count + 1
        u = SINKHORN * (log_mu - torch.log(m().sum(1) + floor)) + u
        v = SINKHORN * (log_mu - torch.log(m().t().sum(1) + floor)) + v
        change = (u - old).abs().sum()
    return m(), count


def logits(seed: int, spread: float = 1.0) -> tuple[Tensor, Tensor]:
    with fixed_seed("logits", seed):
        a = torch.randn(12, K, dtype=torch.float64)
        return a, a + spread * torch.randn(12, K, dtype=torch.float64)


@pytest.mark.parametrize("floor", [1e-6, 0.0])
@pytest.mark.parametrize("spread", [0.05, 1.0, 5.0])
def test_the_cost_is_the_official_one_with_its_gradient(spread, floor):
    """A floor of 0 is no choice of theirs; in double precision their code would run with it."""
    ours, theirs = [], []
    a, b = logits(0, spread)
    for found, cost in ((ours, transport_cost), (theirs, lambda a, b, floor: official(cosine_cost(a, b), floor))):
        z = b.clone().requires_grad_()
        value = cost(a, z, floor)
        if isinstance(value, tuple):
            value = (value[0] * cosine_cost(a, z)).sum()
        value.backward()
        found += [value.detach(), z.grad]
    assert close(ours[0], theirs[0])
    assert close(ours[1], theirs[1], 1e-10)


def test_the_floor_of_the_recipes_decides_where_the_plan_underflows():
    """Between opposite batches exp(-2 / 0.01) is nothing beside it, so it sets the first potentials."""
    a = torch.eye(K, dtype=torch.float64)[:1].repeat(4, 1) + 0.1 * torch.eye(K, dtype=torch.float64)[:4]
    costs = {}
    for floor in (1e-5, 1e-6, 1e-7):
        plan, _ = official(cosine_cost(a, -a), floor)
        costs[floor] = (plan * cosine_cost(a, -a)).sum().item()
    assert transport_cost(a, -a).item() == pytest.approx(costs[1e-6], rel=1e-12)
    assert Scatter().floor == 1e-6
    assert min(abs(costs[1e-6] - costs[other]) for other in (1e-5, 1e-7)) > 1e-6


def test_without_a_floor_nothing_is_lost_where_single_precision_has_no_number():
    """exp(-2 / 0.01) is 0 in single precision, and the logarithm of a row of those would be minus infinity."""
    a = torch.eye(4)
    b = (-a).requires_grad_()
    cost = transport_cost(a, b, floor=0.0)
    assert cost.item() == pytest.approx(transport_cost(a.double(), b.detach().double(), floor=0.0).item(), rel=1e-4)
    opposite = torch.ones(4, 1) * torch.tensor([1.0, 0.0])
    b = (-opposite).requires_grad_()
    cost = transport_cost(opposite, b, floor=0.0)
    (grad,) = torch.autograd.grad(cost, b)
    assert cost.item() == pytest.approx(2.0, rel=1e-4), "all mass travels the distance 2"
    assert grad.isfinite().all()


def test_it_stops_early_and_serves_every_column():
    """The floor of 1e-6 is what columns lack; rows are off by up to a factor, as the rule stops so early."""
    with fixed_seed("sixty"):  # the authors' batch size
        a = torch.randn(60, K, dtype=torch.float64)
        b = a + torch.randn(60, K, dtype=torch.float64)
    plan, rounds = official((1 - F.cosine_similarity(a[:, None], b[None], dim=2)).clamp(min=0))
    assert 2 <= rounds <= 15
    assert close(plan.sum(0) * 60, torch.ones(60, dtype=torch.float64), 2e-4)
    assert 0.3 < (plan.sum(1) * 60).min() < 0.9


def test_the_cost_is_positive_and_knows_no_scale():
    a, b = logits(1)
    cost = transport_cost(a, b)
    assert cost > 0
    assert close(transport_cost(7 * a, 0.3 * b), cost)


def test_the_attack_is_one_step_from_noise_that_is_not_clipped(x):
    with fixed_seed("shown", 0):
        model = net().eval()
        noisy = (x + EPS * (2 * torch.rand_like(x) - 1)).requires_grad_()
    clean = model(x).detach()
    cost = cosine_cost(clean, model(noisy))
    (grad,) = torch.autograd.grad((official(cost)[0] * cost).sum(), noisy)
    expected = (noisy.detach() + EPS * grad.sign()).clamp(x - EPS, x + EPS).clamp(0, 1)
    seen = training_pass(RECIPES["FS"], x)
    assert close(seen.images, expected)
    assert close(seen.labels, smooth(Q, 0.5))


def test_it_looks_at_no_label_and_at_the_whole_batch(x, monkeypatch):
    order = torch.tensor([3, 1, 4, 0, 2])
    noise = torch.rand_like(x)
    monkeypatch.setattr("bench.core.rng.uniform", lambda like: noise)
    first = Scatter()(net(), x, Q)
    assert torch.equal(Scatter()(net(), x, Q.flip(1)), first)
    noise = noise[order]
    assert close(Scatter()(net(), x[order], Q), first[order])
    noise = noise[:2]
    assert not close(Scatter()(net(), x[order][:2], Q[:2]), first[order][:2])


def test_its_avmixup_at_the_adversarial_end_is_feature_scattering(x, monkeypatch):
    set_beta_draws(monkeypatch, "avmixup", 0.0)
    mixed = training_pass(AvMixup(Scatter(), gamma=1.0, keep_clean=0.5, keep_vertex=0.5), x)
    plain = training_pass(RECIPES["FS"], x)
    assert close(mixed.images, plain.images)
    assert close(mixed.labels, plain.labels)
    assert close(mixed.loss, plain.loss)


FS_SETTINGS = {  # gamma, lambda_1, lambda_2
    "FS-AVmixup": (1.0, 0.5, 0.7),
    "FS-AVmixup.cifar100": (1.5, 0.3, 0.42),
    "FS-AVmixup.0.1-0.5": (1.0, 0.1, 0.5),
    "FS-AVmixup.0.5-0.3": (1.0, 0.5, 0.3),
    "FS-AVmixup.1.0-0.5": (1.0, 1.0, 0.5),
}


@pytest.mark.parametrize("name", FS_SETTINGS)
def test_settings_are_those_of_the_tables(name):
    assert RECIPES[name] == AvMixup(Scatter(), *FS_SETTINGS[name])
    assert RECIPES["FS"] == AdversarialTraining(Scatter(), keep=0.5)


@pytest.mark.parametrize("name", ["AVmixup", "M2AT"])
def test_in_the_code_of_trades_the_attack_uses_running_statistics(name):
    """Its evaluation mode, and its decay of every weight; all else as in the paper."""
    ours, theirs = RECIPES[f"{name}.trades"], RECIPES[name]
    assert ours.adversary.ascent == theirs.adversary.ascent
    assert (ours.adversary.stats, ours.decay) == ("running", "all")
