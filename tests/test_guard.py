"""What somebody's model, attack or recipe does wrong costs its own cell or job, and nothing else."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench import L2, Attacked, Clean, Linf, dataset, outcomes, parse_attack
from bench.attacks import ATTACKS, AttackSpec
from bench.inspected import Probed


@pytest.fixture(scope="module")
def digits():
    return dataset("digits", Path()).load("test", Path())


@pytest.fixture
def plugin(monkeypatch):
    """Registers an attack for the length of a test, and gives the condition of it."""

    def add(function, name="theirs"):
        monkeypatch.setitem(ATTACKS._items, name, function)
        monkeypatch.setitem(ATTACKS._homes, name, __name__)
        return Attacked(AttackSpec(name, ()), Linf(0.1))

    return add


class Pooled(nn.Module):
    """Global pooling, then a view that no empty batch survives, as in most ResNets for CIFAR of other people."""

    def __init__(self, always: int | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.fc = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.Linear(16, 10)
        self.always = always

    def forward(self, x: Tensor) -> Tensor:
        torch.manual_seed(int(x[0].sum()))  # needs a first image too
        out = F.avg_pool2d(self.norm(self.conv(x)).relu(), 8)
        logits: Tensor = self.fc(out.view(out.size(0), -1))
        return logits if self.always is None else logits + 100 * F.one_hot(torch.tensor(self.always), 10)


EVERY_KIND = ["FGSM", "FGSM.last", "PGD-3", "R-MC", "MI-FGSM", "MultiTarget[steps=2]", "CW-L2[steps=2,searches=1]"]


@pytest.mark.parametrize("always", [None, 0], ids=["some right", "one class"])
@pytest.mark.parametrize("eps", [0.001, 0.5])
@pytest.mark.parametrize("attack", EVERY_KIND)
def test_no_empty_batch_reaches_the_model(digits, attack, eps, always):
    """Whether all images are broken at once, or none is, or the model is wrong on most of them before."""
    spec = parse_attack(attack)
    condition = Attacked(spec, L2(torch.inf) if spec.minimal else Linf(eps))
    assert outcomes(Pooled(always).eval(), digits, condition, n=24).done == 24


def test_autoattack_sends_no_empty_batch_to_the_model(digits, short_autoattack):
    assert outcomes(Pooled().eval(), digits, Attacked(parse_attack("AutoAttack"), Linf(0.5)), n=8).done == 8


@pytest.mark.parametrize("sign", ["changing", "probabilities", "zero-gradient", "flat", "unbounded"])
def test_no_empty_batch_reaches_a_probed_model(digits, sign):
    """Only images that the model is right on are probed: here there is none."""
    (wrong,) = [k for k in range(10) if not (digits.y[:4] == k).any()][:1]
    outcome = outcomes(Pooled(wrong).eval(), digits, Probed(sign, Linf(0.1)), n=4)
    assert not outcome.right.any()
    assert torch.tensor(outcome.values).isnan().all() or not any(outcome.values)


def test_an_attack_that_selects_no_image_gets_no_logits(digits, plugin):
    """An empty batch of a plug-in does not reach the model's code, and has logits and gradients of no image."""
    seen = []

    def selects(model, x, y, threat):
        nothing = x[:0].requires_grad_()
        logits = model(nothing)
        (grad,) = torch.autograd.grad(logits.sum(), nothing)
        seen.append((logits.shape, grad.shape))
        return x

    condition = plugin(selects)
    model = Pooled().eval()
    assert (outcomes(model, digits, condition, n=16).right == outcomes(model, digits, Clean(), n=16).right).all()
    assert seen == [((0, 10), (0, 1, 8, 8))]
