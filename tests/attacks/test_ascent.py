"""The inner maximisation: projected steps up an objective."""

import math

import pytest
import torch
from torch import Tensor

from bench import L1, L2, Ascent, Linf
from bench.core.rng import fixed_seed

THREATS = [Linf(0.1), L2(0.7), L1(2.0)]
DUAL = {Linf: 1, L2: 2, L1: math.inf}  # p of the dual norm


@pytest.fixture(autouse=True)
def same_draws():
    with fixed_seed("vocabulary"):
        yield


@pytest.mark.parametrize("start", ["random", "unclipped", "clean"])
@pytest.mark.parametrize("threat", THREATS, ids=str)
def test_ascent_is_exact_on_a_linear_objective(threat, start):
    """Linf reaches the best corner of ball and image range; L2, in the interior, eps along the weights.

    L1, with a random start on its way, fills the pixels with the largest weights, next to the edge of the range.
    """
    weights = torch.randn(1, 2, 3, 3)
    x = torch.rand(6, 2, 3, 3) if isinstance(threat, Linf) else torch.full((6, 2, 3, 3), 0.5)
    found = Ascent(threat, 60, threat.eps / 4, start).maximise(lambda z: (weights * z).flatten(1).sum(1), x)
    if isinstance(threat, Linf):
        best = (x + threat.eps * weights.sign()).clamp(0, 1)
    elif isinstance(threat, L2):
        best = x + threat.eps * weights / weights.norm()
    else:
        room, most = 0.5, weights.flatten().abs().topk(round(threat.eps / 0.5)).values
        assert (weights * (found - x)).flatten(1).sum(1).min() > 0.95 * room * most.sum()
        return
    assert torch.allclose(found, best, atol=1e-5 if isinstance(threat, Linf) else 5e-3)
    assert not found.requires_grad


def test_ascent_begins_where_it_is_told_and_takes_its_steps():
    x = torch.full((2, 1, 2, 2), 0.5)
    asked = []

    def objective(z: Tensor) -> Tensor:
        asked.append(z.detach().clone())
        return z.flatten(1).sum(1)

    found = Ascent(Linf(0.1), 3, 0.02).maximise(objective, x, x0=x - 0.1)
    for iterate, moved in zip([*asked, found], (-0.1, -0.08, -0.06, -0.04), strict=True):
        assert torch.allclose(iterate, x + moved)


def test_an_objective_may_be_one_number_for_the_whole_batch():
    x, ascent = torch.rand(3, 1, 2, 2), Ascent(Linf(0.1), 2, 0.05, "clean")
    each, one = (ascent.maximise(f, x) for f in (lambda z: z.square().flatten(1).sum(1), lambda z: z.square().sum()))
    assert torch.equal(each, one)
