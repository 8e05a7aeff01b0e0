"""The recipes that are not of the five papers: MART, FGSM-RS, CutMix; against their authors' code."""

import pytest
import torch
from small import CLASSES, EPS, K, Q, close, draw, equal, net, shown
from torch import Tensor, nn
from torch.nn import functional as F

from bench import RECIPES, Ascent, Linf, Untargeted, box
from bench.seeding import seeded
from methods.cutmix import CutMix
from methods.mart import Mart
from methods.pgd_at import AdversarialTraining
from methods.standard import Standard

# MART


def official_mart(model: nn.Module, x: Tensor, y: Tensor, weight: float = 6.0) -> Tensor:
    """YisenWang/MART, mart.py, image by image after the attack."""
    model.eval()
    x_adv = x + 0.001 * torch.randn(x.shape, dtype=x.dtype)
    for _ in range(10):
        x_adv = x_adv.detach().requires_grad_()
        (grad,) = torch.autograd.grad(F.cross_entropy(model(x_adv), y), x_adv)
        x_adv = torch.clamp(torch.min(torch.max(x_adv + 0.007 * grad.sign(), x - 0.031), x + 0.031), 0, 1)
    model.train()
    natural, adversarial = model(x).softmax(1), model(x_adv.detach()).softmax(1)
    total = 0
    for i, true in enumerate(y.tolist()):
        p, r = natural[i], adversarial[i]
        wrong = max(r[k] for k in range(K) if k != true)
        divergence = sum(p[k] * (p[k].log() - (r[k] + 1e-12).log()) for k in range(K))
        total = total - r[true].log() - (1.0001 - wrong + 1e-12).log() + weight * (1.0000001 - p[true]) * divergence
    return total / len(x)


def test_mart_is_the_official_loss_with_the_official_gradient(x):
    grads, losses = [], []
    for loss in (lambda model: RECIPES["MART"].loss(model, x, Q), lambda model: official_mart(model, x, CLASSES)):
        model = net()
        with seeded("mart"):
            losses.append(loss(model))
        grads.append(torch.autograd.grad(losses[-1], list(model.parameters())))
    assert close(*losses, 1e-9)
    assert all(close(a, b, 1e-8) for a, b in zip(*grads, strict=True))


def test_marts_stability_counts_only_with_beta(x):
    def loss(beta: float) -> float:
        with seeded("mart"):
            return Mart(beta=beta).loss(net(), x, Q).item()

    assert loss(1.0) > loss(0.0)
    assert loss(6.0) - loss(0.0) == pytest.approx(6 * (loss(1.0) - loss(0.0)))


# FGSM-RS


def test_fgsm_rs_is_one_long_step_from_noise_in_training_mode(x):
    with seeded("shown", 0):
        model = net()
        z = (x + EPS * (2 * torch.rand_like(x) - 1)).clamp(0, 1).requires_grad_()
    (grad,) = torch.autograd.grad(F.cross_entropy(model(z), CLASSES), z)
    x_adv = (z.detach() + 10 / 255 * grad.sign()).clamp(x - EPS, x + EPS).clamp(0, 1)
    seen = shown(RECIPES["FGSM-RS"], x)
    assert close(seen.images, x_adv)
    model(x_adv)
    assert close(seen.model[1].running_mean, model[1].running_mean), "the attack's pass moves them too"
    ascent = Ascent(Linf(EPS), 1, pytest.approx(1.25 * EPS))
    assert RECIPES["FGSM-RS"] == AdversarialTraining(Untargeted(ascent, "moving"))


# CutMix


def official_box(size: int, cx: int, cy: int, lam: float) -> tuple[int, int, int, int]:
    cut = int(size * (1 - lam) ** 0.5)
    clip = lambda v: min(max(v, 0), size)  # noqa: E731
    return clip(cx - cut // 2), clip(cy - cut // 2), clip(cx + cut // 2), clip(cy + cut // 2)


@pytest.mark.parametrize("lam", [0.0, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("point", [(0, 0), (4, 6), (7, 1)])
def test_cutmix_pastes_the_official_box(lam, point, x, monkeypatch):
    order, waiting = torch.tensor([2, 0, 1, 4, 3]), list(point)
    draw(monkeypatch, "cutmix", lam)
    monkeypatch.setattr("methods.cutmix.shuffled", lambda x: order)
    monkeypatch.setattr(torch, "randint", lambda high, size: torch.tensor(waiting.pop(0)))
    seen = shown(CutMix(chance=1.0), x)
    top, left, bottom, right = official_box(8, *point, lam)
    images = x.clone()
    images[:, :, top:bottom, left:right] = x[order, :, top:bottom, left:right]
    kept = 1 - (bottom - top) * (right - left) / 64
    assert torch.equal(seen.images, images)
    assert close(seen.labels, kept * Q + (1 - kept) * Q[order])


def test_half_of_the_batches_are_left_whole(x):
    whole = [torch.equal(shown(RECIPES["CutMix"], x, seed=seed).images, x) for seed in range(40)]
    assert 8 < sum(whole) < 32
    assert equal(shown(CutMix(chance=0.0), x), shown(Standard(), x))


def test_boxes_around_a_centre_are_larger_than_those_from_a_corner():
    with seeded("boxes"):
        side = (1 - torch.rand(300)).sqrt()
        areas = [
            torch.cat([box(torch.zeros(1, 1, 32, 32), s[None], at=at) for s in side]).mean().item()
            for at in ("corner", "centre")
        ]
    assert areas == pytest.approx([0.189, 0.299], abs=0.03)
