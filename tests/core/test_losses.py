"""Losses and label distributions."""

import math

import pytest
import torch

from bench import cross_entropy, kl, margin
from bench.core.rng import fixed_seed


@pytest.fixture(autouse=True)
def same_draws():
    with fixed_seed("vocabulary"):
        yield


def test_cross_entropy_of_a_hard_label_is_the_same_either_way():
    logits, y = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    soft, hard = cross_entropy(logits, torch.eye(4)[y]), cross_entropy(logits, y)
    assert soft.shape == (6,)
    assert torch.allclose(soft, hard)
    assert torch.allclose(hard, logits.exp().sum(1).log() - logits[range(6), y])


def test_cross_entropy_of_a_soft_label_is_its_definition():
    logits, q = torch.randn(6, 4), torch.rand(6, 4)
    assert torch.allclose(cross_entropy(logits, q), -(q * logits.softmax(1).log()).sum(1), atol=1e-6)


def test_kl_of_two_coins():
    p = torch.tensor([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    logits = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]).log() + 3  # a constant changes nothing
    expected = [0.25 * math.log(0.5) + 0.75 * math.log(1.5), 0.5 * math.log(0.5 / 0.9 * 0.5 / 0.1), math.log(5)]
    assert kl(p, logits).tolist() == pytest.approx(expected, rel=1e-5)
    assert kl(logits.softmax(1), logits).abs().max() < 1e-6


def test_the_margin_is_positive_exactly_when_misclassified():
    logits, y = torch.randn(300, 5), torch.randint(5, (300,))
    wrong = logits.argmax(1) != y
    assert 0 < wrong.sum() < 300
    assert torch.equal(margin(logits, y) > 0, wrong)
    assert margin(torch.tensor([[1.0, 4.0, 2.5]]), torch.tensor([2])).tolist() == [1.5]
    assert margin(torch.tensor([[1.0, 4.0, 2.5]]), torch.tensor([1])).tolist() == [-1.5]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kl_has_a_gradient_where_a_probability_is_zero(dtype):
    logits = torch.tensor([[0.0, 2000.0, 1.0]], dtype=dtype, requires_grad=True)
    other = torch.tensor([[1.0, 0.0, 0.5]], dtype=dtype, requires_grad=True)
    p = logits.softmax(1)
    assert (p == 0).any()
    kl(p, other).backward()
    assert logits.grad.isfinite().all()
    assert torch.allclose(other.grad, other.detach().softmax(1) - p.detach())
