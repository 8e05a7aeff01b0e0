"""Gradients that are means of several passes: random models, deterministic ones, counts of passes, keys."""

import json
from types import SimpleNamespace

import pytest
import torch
from linear_models import linear
from torch import nn

from bench.attacks.parse import parse_attack
from bench.core.errors import BadInput
from bench.core.rng import fixed_seed
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import outcomes, outcomes_of_group

ASCENTS = ["PGD-4", "CW-4", "PGD-MC", "MultiTarget[steps=4]", "MI-FGSM"]


def with_eot(text, count):
    return f"{text[:-1]},eot={count}]" if text.endswith("]") else f"{text}[eot={count}]"


class Noisy(nn.Module):
    """A linear model whose weights are drawn anew in each pass, around those of `model`, for each image."""

    def __init__(self, model, spread):
        super().__init__()
        self.model, self.spread = model, spread

    def forward(self, x):
        noise = self.spread * torch.randn(len(x), *self.model.weight.shape, dtype=x.dtype)
        return self.model(x) + (noise @ (x - 0.5).flatten(1)[:, :, None]).squeeze(2)


@pytest.mark.parametrize("attack", ["PGD-5.last", "CW-5.last", "PGD-MC.last[steps=5]", "MI-FGSM.last"])
def test_the_mean_of_many_passes_finds_what_one_pass_does_not(attack):
    """Signs of single gradients are next to noise; those of the mean are those of the expected model, known exactly."""
    model, images = linear(2, 200)
    noisy, threat = Noisy(model, 3.0), Linf(0.01)
    radius = model.radius(images.x, images.y, threat)
    breakable = (radius > 0) & (radius < 0.7 * threat.eps)
    broken = {}
    for count in (1, 100):
        with fixed_seed("noise", count):
            x_adv = parse_attack(with_eot(attack, count))(noisy, images.x, images.y, threat)
        broken[count] = (model(x_adv).argmax(1) != images.y)[breakable].float().mean()
    assert breakable.sum() > 100
    assert broken[100] > 0.95
    assert broken[1] < 0.85


@pytest.mark.parametrize("threat", [Linf(0.006), L2(0.06)], ids=["Linf", "L2"])
@pytest.mark.parametrize("attack", ASCENTS)
def test_a_deterministic_model_gives_the_same_images(attack, threat):
    model, images = linear(4, 30)
    with fixed_seed("same"):
        one = parse_attack(attack)(model, images.x, images.y, threat)
    with fixed_seed("same"):
        three = parse_attack(with_eot(attack, 3))(model, images.x, images.y, threat)
    assert (one - three).abs().max() < 1e-9
    assert (one != images.x).any()


@pytest.mark.parametrize("attack", ASCENTS)
def test_every_pass_is_counted(attack):
    model, images = linear(4, 10)
    model.bias.data[0] += 1000
    images = Images(images.x, torch.zeros(10, dtype=torch.int64))
    one, five = (outcomes(model, images, Attacked(parse_attack(with_eot(attack, n)), Linf(0.01))) for n in (1, 5))
    assert five.backwards == 5 * one.backwards > 0
    assert five.forwards - five.backwards == one.forwards - one.backwards  # those that choose targets
    assert parse_attack(with_eot(attack, 5)).passes == 5 * parse_attack(attack).passes


def test_a_shorter_search_that_is_read_off_a_longer_one_has_the_passes_of_its_own():
    model, images = linear(2, 50)
    conditions = [Attacked(parse_attack(f"PGD-{steps}[eot=3]"), Linf(0.006)) for steps in (9, 4)]
    for shared, condition in zip(outcomes_of_group(model, images, conditions), conditions, strict=True):
        alone = outcomes(model, images, condition)
        assert (shared.right == alone.right).all()
        assert (shared.forwards, shared.backwards) == (alone.forwards, alone.backwards)
    assert not conditions[0].includes(Attacked(parse_attack("PGD-4"), Linf(0.006)))


def test_a_random_model_may_leave_other_images_to_each_length_of_an_attack():
    model, images = linear(2, 60)
    noisy = Noisy(model, 3.0)
    conditions = [Attacked(parse_attack(f"PGD-{steps}"), Linf(0.002)) for steps in (9, 4, 2)]
    with fixed_seed("random"):
        found = outcomes_of_group(noisy, images, conditions)
    assert all(0 < outcome.right.sum() < 60 for outcome in found)
    assert len({outcome.right.tobytes() for outcome in found}) == 3


def test_one_pass_is_what_it_was_before_the_setting_and_several_are_another_attack():
    assert parse_attack("PGD-20[eot=1]") == parse_attack("PGD-20")
    assert "eot" not in parse_attack("PGD-20").params
    several = parse_attack("PGD-20[eot=20]")
    assert json.loads(several.params)["eot"] == 20
    row = SimpleNamespace(name=several.name, params=several.params, norm="Linf", eps=0.1)
    assert Attacked.from_row(row) == Attacked(several, Linf(0.1))
    row.params = json.dumps(json.loads(parse_attack("PGD-20").params) | {"tries": 20}, sort_keys=True)
    with pytest.raises(BadInput, match="PGD-20 no longer has the setting tries"):
        Attacked.from_row(row)


@pytest.mark.parametrize(
    ("text", "why"),
    {
        "PGD-20[eot=0]": "eot=0 is below 1",
        "PGD-20[eot=two]": "eot=two is not a whole number",
        "FGSM[eot=2]": "FGSM.* has no setting 'eot' to change; it has none",
    }.items(),
)
def test_a_number_of_passes_that_is_none_is_refused(text, why):
    with pytest.raises(BadInput, match=why):
        parse_attack(text)
