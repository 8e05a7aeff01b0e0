"""Counted passes: what an attack and a training step cost."""

import pytest
import torch
from torch import Tensor, nn

import methods  # noqa: F401
from bench import RECIPES, Linf, parse_attack
from bench.core.passes import count_passes
from bench.core.rng import fixed_seed


@pytest.fixture(autouse=True)
def same_draws():
    with fixed_seed("vocabulary"):
        yield


class Stubborn(nn.Module):
    """Always sure of class 0; its logits depend on the image."""

    def forward(self, x: Tensor) -> Tensor:
        slope = x.flatten(1).mean(1)
        return torch.stack([10 + slope, -slope, slope], 1)


@pytest.mark.filterwarnings("ignore::bench.core.errors.AttackWarning")  # its margin has no slope
@pytest.mark.parametrize(
    ("attack", "passes"),
    [("FGSM", 1), ("PGD-10", 10), ("CW-20", 20), ("PGD-10.last", 10), ("PGD-10[restarts=3]", 32)],
)
def test_an_attack_that_fails_costs_a_pass_a_step(attack, passes):
    """And one more for each restart but the last, to evaluate its last iterate."""
    model, x, y = Stubborn(), torch.rand(4, 1, 3, 3), torch.zeros(4, dtype=torch.long)
    with count_passes(model) as counted:
        parse_attack(attack)(model, x, y, Linf(0.1))
    assert (counted.forwards, counted.backwards) == (4 * passes, 4 * passes)


def test_an_attack_leaves_images_that_are_broken_already():
    model, x, y = Stubborn(), torch.rand(4, 1, 3, 3), torch.tensor([0, 1, 1, 2])
    with count_passes(model) as counted:
        parse_attack("PGD-10")(model, x, y, Linf(0.1))
    assert counted.backwards == 10 + 3


@pytest.mark.parametrize(
    ("name", "forwards", "backwards"),
    [("Standard", 1, 1), ("PGD-AT", 11, 11), ("PGD-AT.7x2", 8, 8), ("AVmixup", 11, 11), ("M2AT", 11, 11),
     ("TRADES-6", 13, 12)],
)  # fmt: skip
def test_a_training_step_costs_its_attack_and_its_own_passes(name, forwards, backwards):
    model, x = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(9), nn.Linear(9, 4)), torch.rand(5, 1, 3, 3)
    with count_passes(model) as counted:
        loss = RECIPES[name].loss(model, x, torch.eye(4)[[0, 1, 2, 3, 0]])
    loss.backward()
    assert (counted.forwards, counted.backwards) == (5 * forwards, 5 * backwards)
    model(x)
    assert counted.forwards == 5 * forwards, "the block is over"
