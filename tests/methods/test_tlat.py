"""Mixup, IAT, TLAT and M-TLAT against their algorithms, with the numbers they draw set by hand."""

from dataclasses import replace

import pytest
import torch
from small import (
    CLASSES,
    B,
    K,
    Q,
    close,
    equal,
    net,
    set_beta_draws,
    soft_cross_entropy,
    training_pass,
    training_passes,
)
from torch import Tensor
from torch.nn import functional as F

from bench import RECIPES
from bench.training.recipe import scaled
from methods.mixup import Iat, Mixup
from methods.standard import Standard

LONGEST = 0.025
SHARE = 0.6  # of it, that the batch draws
AIMS = torch.tensor([3, 1, 1, 5, 0])  # the first is the true class
T = torch.eye(K, dtype=torch.float64)[AIMS]
ORDERS = torch.tensor([[2, 0, 1, 4, 3], [4, 3, 2, 1, 0]])


@pytest.fixture
def chosen(monkeypatch):
    """What the batch draws: lam and the order of both mixups, the share of the radius, the aims."""
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.tensor([SHARE], dtype=torch.float64))
    monkeypatch.setattr("methods.tlat.random_class", lambda q, other: T[: len(q)])

    def choose(*lams: float) -> list[tuple[float, str]]:
        orders = list(ORDERS)
        monkeypatch.setattr("methods.mixup.shuffled", lambda x: orders.pop(0))
        return set_beta_draws(monkeypatch, "mixup", *lams)

    return choose


def fgsm(x: Tensor, classes: Tensor, eps: float) -> Tensor:
    """Along the gradient where eps is positive, against it where it is negative."""
    model, z = net().eval(), x.clone().requires_grad_()
    F.cross_entropy(model(z), classes, reduction="sum").backward()
    return torch.clip(x + eps * z.grad.sign(), 0, 1)


def mix(x: Tensor, order: Tensor, lam: float) -> Tensor:
    return torch.stack([lam * x[i] + (1 - lam) * x[j] for i, j in enumerate(order.tolist())])


def total(pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    model = net()
    return sum(soft_cross_entropy(model(images), labels) for images, labels in pairs)


def test_mixup_is_its_equation(x, chosen):
    asked = chosen(0.3)
    seen = training_pass(RECIPES["Mixup"], x)
    assert close(seen.images, mix(x, ORDERS[0], 0.3))
    assert close(seen.labels, mix(Q, ORDERS[0], 0.3))
    assert close(seen.labels.sum(1), torch.ones(B, dtype=torch.float64))
    assert asked == [(0.4, "batch")]
    assert RECIPES["Mixup.1"] == Mixup(1.0)


def test_mixup_without_a_spread_is_standard(x):
    assert equal(training_pass(Mixup(alpha=0.0), x), training_pass(Standard(), x))


def test_iat_attacks_both_sources_and_mixes_each_batch_by_itself(x, chosen):
    asked = chosen(0.3, 0.8)
    clean, attacked = training_passes(RECIPES["IAT"], x)
    x_adv = fgsm(x, CLASSES, SHARE * LONGEST)
    draws = zip((x, x_adv), ORDERS, (0.3, 0.8), strict=True)
    expected = [(mix(z, order, lam), mix(Q, order, lam)) for z, order, lam in draws]
    for seen, (images, labels) in zip((clean, attacked), expected, strict=True):
        assert close(seen.images, images)
        assert close(seen.labels, labels)
    assert close(clean.loss, total(expected) / 2)
    assert asked == [(0.4, "batch")] * 2
    assert RECIPES["IAT.pgd"] == Iat(alpha=1.0)


@pytest.mark.parametrize("name", ["FGSM-AT", "TFGSM-AT", "LS-adv", "LS-adv.sum1", "TLAT"])
def test_each_adds_its_adversarial_loss_to_the_clean_one(name, x, chosen):
    asked = chosen(1.0, 1.0)
    eps = SHARE * LONGEST
    x_adv = fgsm(x, CLASSES, eps) if name == "FGSM-AT" else fgsm(x, AIMS, -eps)
    others = torch.ones_like(Q) - Q
    labels = {
        "LS-adv": (1 - eps) * Q + eps / K * others,
        "LS-adv.sum1": (1 - eps) * Q + eps / (K - 1) * others,
        "TLAT": (1 - eps) * Q + eps * T,
    }.get(name, Q)
    clean, attacked = training_passes(RECIPES[name], x)
    assert torch.equal(clean.images, x)
    assert torch.equal(clean.labels, Q)
    assert close(attacked.images, x_adv)
    assert close(attacked.labels, labels)
    assert close(clean.loss, total([(x, Q), (x_adv, labels)]))
    assert asked == [(0.0, "batch")] * 2, "no mixup"


def test_the_printed_smoothing_does_not_sum_to_one_and_all_others_do(x):
    for name in ("FGSM-AT", "TFGSM-AT", "LS-adv", "LS-adv.sum1", "TLAT", "M-TLAT"):
        labels = training_passes(RECIPES[name], x)[1].labels
        assert close(labels.sum(1), torch.ones(B, dtype=torch.float64)) == (name != "LS-adv")
        assert labels.min() >= 0
        if name not in ("M-TLAT", "TFGSM-AT", "FGSM-AT"):
            assert (labels * Q).sum(1).min() >= 1 - LONGEST, "at most 2.5 % of the mass"


def test_m_tlat_is_its_algorithm(x, chosen):
    """It attacks images that are already mixed, and mixes the clean ones on their own."""
    asked = chosen(0.3, 0.8)
    clean, attacked = training_passes(RECIPES["M-TLAT"], x)
    eps = SHARE * LONGEST
    first, second = [(mix(x, order, lam), mix(Q, order, lam)) for order, lam in zip(ORDERS, (0.3, 0.8), strict=True)]
    second = fgsm(second[0], AIMS, -eps), (1 - eps) * second[1] + eps * T
    for seen, (images, labels) in zip((clean, attacked), (first, second), strict=True):
        assert close(seen.images, images)
        assert close(seen.labels, labels)
    assert close(clean.loss, total([first, second]))
    assert asked == [(0.4, "batch")] * 2


def test_at_radius_zero_only_mixup_is_left(x, chosen):
    chosen(0.3, 0.8)
    pairs = training_passes(replace(scaled(RECIPES["M-TLAT"], 0.0), moved=0.0), x)
    chosen(0.3)
    mixup = training_pass(RECIPES["Mixup"], x)
    assert close(pairs[0].images, mixup.images)
    assert close(pairs[1].images, mix(x, ORDERS[1], 0.8))
    assert close(pairs[1].labels, mix(Q, ORDERS[1], 0.8))
    second = (mix(x, ORDERS[1], 0.8), mix(Q, ORDERS[1], 0.8))
    assert close(pairs[0].loss, mixup.loss + total([second])), "the losses of two mixups"


def test_tlat_at_radius_zero_is_twice_the_standard_loss(x):
    loss = training_passes(replace(scaled(RECIPES["TLAT"], 0.0), moved=0.0), x)[0].loss
    assert close(loss, 2 * training_pass(Standard(), x).loss)


def test_m_tlat_with_mixtures_of_one_image_is_tlat(x, chosen):
    seen = []
    for name in ("M-TLAT", "TLAT"):
        chosen(1.0, 1.0)
        seen.append(training_passes(RECIPES[name], x))
    assert all(equal(*pair) for pair in zip(*seen, strict=True))


def test_a_target_that_is_the_true_class_leaves_the_label(x, monkeypatch):
    monkeypatch.setattr("methods.tlat.random_class", lambda q, other: q)
    assert close(training_passes(RECIPES["TLAT"], x)[1].labels, Q)


def test_the_radius_is_drawn_once_a_batch_below_the_longest(x):
    lengths = []
    for seed in range(30):
        attacked = training_passes(RECIPES["TLAT"], x, seed=seed)[1].images
        lengths.append((attacked - x).abs().flatten(1).amax(1))
        assert close(lengths[-1], lengths[-1][0].expand(B), 1e-9)
    longest = torch.stack(lengths).amax(1)
    assert longest.max() <= LONGEST
    assert longest.max() > 0.8 * LONGEST
    assert longest.min() < 0.2 * LONGEST


def test_the_moved_share_of_a_label_is_the_same_on_every_data_set(x, chosen):
    labels = []
    for factor in (1.0, 6.375):
        chosen(1.0, 1.0)
        labels.append(training_passes(scaled(RECIPES["TLAT"], factor), x)[-1].labels)
    assert close(*labels)
