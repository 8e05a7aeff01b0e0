"""Recipes come to the numbers that published code came to, recorded in tests/fixtures; each file there says how."""

import json
from pathlib import Path

import official
import pytest
import torch
from official import B, K
from torch import Tensor, nn

import methods  # noqa: F401
from bench import RECIPES, Ascent, Linf, Recipe, Untargeted
from methods.augmix import AugMix
from methods.avmixup import AvMixup
from methods.awp import Awp
from methods.cutmix import CutMix
from methods.feature_scatter import transport_cost
from methods.pgd_at import PGD10
from methods.trades import Trades

CORRUPTIONS = Path(__file__).parents[1] / "fixtures/corruptions.json"  # has tests of its own
FILES = sorted(set((Path(__file__).parents[1] / "fixtures").glob("*.json")) - {CORRUPTIONS})
FIXTURES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
CASES = [(name, case) for name, fixture in FIXTURES.items() if name != "transport" for case in fixture["cases"]]
MEAN, STD = torch.tensor([[0.4914, 0.4822, 0.4465], [0.2471, 0.2435, 0.2616]], dtype=torch.float64)
HALF = torch.full((3,), 0.5, dtype=torch.float64)


class Rescaled(nn.Module):
    """A network on images in [0, 1] whose own inputs are (x - mean) / std."""

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.net, self.mean, self.std = official.network(), mean.view(-1, 1, 1), std.view(-1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.net((x - self.mean) / self.std)


def recipe_of(name: str, case: str) -> Recipe:
    if name == "awp":
        return Awp(Trades(Ascent(Linf(8 / 255), steps=10, step_size=2 / 255), beta=6.0))
    if name == "avmixup":
        clean, vertex = map(float, case.split("-"))
        return AvMixup(Untargeted(PGD10, stats="moving"), keep_clean=clean, keep_vertex=vertex)
    return CutMix(chance=1.0) if name == "cutmix" else RECIPES[case]


def set_draws(patch: pytest.MonkeyPatch, case: str) -> None:
    """Let every random number be the one that the official code was given."""
    point = list(official.POINT)
    patch.setattr(torch, "randn_like", lambda x: official.normal())
    patch.setattr("bench.core.rng.uniform", lambda x: official.uniform())
    patch.setattr(torch, "randint", lambda high, size: torch.tensor(point.pop(0)))
    patch.setattr("methods.avmixup.beta", lambda alpha, x, per: official.COEFFICIENTS)
    patch.setattr("methods.mixup.beta", lambda alpha, x, per: x.new_full((B,), 0.3))
    patch.setattr("methods.cutmix.beta", lambda alpha, x, per: x.new_full((B,), float(case)))
    patch.setattr("methods.mixup.shuffled", lambda x: official.ORDER)
    patch.setattr("methods.cutmix.shuffled", lambda x: official.ORDER)
    augmented = [official.images(1.9), official.images(2.1)]
    patch.setattr(AugMix, "augmix", lambda self, x: augmented.pop(0))


@pytest.mark.parametrize(("name", "case"), CASES, ids=["-".join(pair) for pair in CASES])
def test_a_training_step_comes_to_the_recorded_numbers(name, case, monkeypatch):
    recorded = FIXTURES[name]["cases"][case]
    scales = {"feature_scatter": (HALF, HALF), "fgsm_rs": (MEAN, STD)}
    model = Rescaled(*scales[name]).train() if name in scales else official.network()
    shown: list[Tensor] = []
    model.register_forward_pre_hook(lambda module, inputs: shown.append(inputs[0]) if module.training else None)
    set_draws(monkeypatch, case)
    q = torch.eye(K, dtype=torch.float64)[official.CLASSES]
    loss = recipe_of(name, case).loss(model, official.images(), q)
    loss.backward()
    ours = official.record(model, loss, shown[-1], "statistics" in recorded)
    for what, numbers in recorded.items():
        a, b = (torch.tensor(v, dtype=torch.float64) for v in (ours[what], numbers))
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-9), f"{what}: off by {(a - b).abs().max():g}"
    assert float(torch.tensor(recorded["gradients"]).abs().max()) > 0.01, "there is something to compare"


@pytest.mark.parametrize("spread", FIXTURES["transport"]["cases"])
def test_the_transport_cost_and_its_gradient_are_the_recorded_ones(spread):
    recorded = FIXTURES["transport"]["cases"][spread]
    a = official.wave((12, K), 1.3)
    b = (a + float(spread) * official.wave((12, K), 2.9)).requires_grad_()
    cost = transport_cost(a, b)
    (gradient,) = torch.autograd.grad(cost, b)
    assert cost.item() == pytest.approx(recorded["cost"], abs=1e-9)
    assert official.summary(gradient) == pytest.approx(recorded["gradient"], abs=1e-9)
    assert transport_cost(a, b, floor=2e-6).item() != pytest.approx(recorded["cost"], abs=1e-9)


def test_every_fixture_says_where_it_is_from_and_how_it_was_made():
    for fixture in FIXTURES.values():
        assert fixture["repository"].startswith("https://github.com/")
        assert all({"path", "commit"} == set(file) for file in fixture["files"])
        assert len(fixture["about"]) > 200
        assert {"python", "torch", "numpy"} == set(fixture["versions"])
