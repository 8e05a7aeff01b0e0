"""Recipes that attack in one step: N-FGSM and GradAlign, against their authors' code."""

import math
from dataclasses import replace

import pytest
import torch
from small import CLASSES, EPS, Q, close, equal, net, training_pass
from torch import Tensor, nn
from torch.nn import functional as F

from bench import RECIPES, Ascent, Linf, Untargeted
from bench.core.rng import fixed_seed
from methods.grad_align import GradAlign
from methods.n_fgsm import NoiseFgsm
from methods.pgd_at import AdversarialTraining


@pytest.fixture
def grey(x) -> Tensor:
    """Images so far from black and white that no noise or step of 24/255 leaves [0, 1]."""
    return 0.2 + 0.6 * x


# N-FGSM


def official_n_fgsm(model: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """pdejorge/N-FGSM, train.py, with --unif 2 --alpha 8 --clip -1: the images of a step, and their loss."""
    eta = 2.0 * EPS * (2 * torch.rand_like(x) - 1)
    eta = torch.max(torch.min(eta, 1 - x), 0 - x).requires_grad_()
    (grad,) = torch.autograd.grad(F.cross_entropy(model(x + eta), y), eta)
    delta = eta.detach() + EPS * grad.sign()
    delta = torch.max(torch.min(delta, 1 - x), 0 - x)
    return x + delta, F.cross_entropy(model(x + delta), y)


def test_n_fgsm_is_the_official_step_with_the_official_statistics(x):
    with fixed_seed("shown", 0):
        model = net()
        images, loss = official_n_fgsm(model, x, CLASSES)
    seen = training_pass(RECIPES["N-FGSM"], x)
    assert close(seen.images, images)
    assert close(seen.loss, loss)
    assert torch.equal(seen.labels, Q)
    assert close(seen.model[1].running_mean, model[1].running_mean), "the pass of the attack moves them too"
    assert close(seen.model[1].running_var, model[1].running_var)


def test_the_noise_of_n_fgsm_is_uniform_up_to_twice_the_radius_and_its_step_is_not_projected(grey):
    still = replace(RECIPES["N-FGSM"], adversary=Untargeted(Ascent(Linf(EPS), 0, EPS, "clean"), stats="moving"))
    noise, shown = (
        torch.cat([training_pass(recipe, grey, seed=seed).images - grey for seed in range(20)])
        for recipe in (still, RECIPES["N-FGSM"])
    )
    assert 1.99 * EPS < noise.abs().max() < 2 * EPS
    assert noise.std().item() == pytest.approx(2 * EPS / math.sqrt(3), rel=0.02)
    step = (shown - noise)[..., :-1, :-1].abs()  # the network does not read the last row and column
    assert close(step, torch.full_like(step, EPS))
    assert 2.95 * EPS < shown.abs().max() < 3 * EPS


def test_n_fgsm_without_noise_is_fgsm(x):
    plain = AdversarialTraining(Untargeted(Ascent(Linf(EPS), 1, EPS, "clean"), stats="moving"))
    assert equal(training_pass(NoiseFgsm(noise=Linf(0.0)), x), training_pass(plain, x))


# GradAlign


def official_grad_align(model: nn.Module, x: Tensor, y: Tensor, weight: float) -> Tensor:
    """tml-epfl/understanding-fast-adv-training, train.py, with --attack=fgsm --attack_init=zero, image by image."""
    z = x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(F.cross_entropy(model(z), y), z)
    delta = torch.clamp(1.25 * EPS * grad.sign(), -EPS, EPS)
    delta = torch.clamp(x + delta, 0, 1) - x
    loss = F.cross_entropy(model(x + delta), y)
    eta = (EPS * (2 * torch.rand_like(x) - 1)).requires_grad_()
    (other,) = torch.autograd.grad(F.cross_entropy(model(x + eta), y), eta, create_graph=True)
    cosines = [(a / a.norm() * (b / b.norm())).sum() for a, b in zip(grad, other, strict=True)]
    return loss + weight * (1 - sum(cosines) / len(cosines))


@pytest.mark.parametrize("weight", [0.2, 2.0])
def test_grad_align_is_the_official_loss_with_the_official_gradient(weight, grey):
    grads, losses, models = [], [], [net(), net()]
    for model, loss in zip(models, (GradAlign(weight=weight).loss, official_grad_align), strict=True):
        with fixed_seed("aligned"):
            losses.append(loss(model, grey, CLASSES, weight) if loss is official_grad_align else loss(model, grey, Q))
        grads.append(torch.autograd.grad(losses[-1], list(model.parameters())))
    assert close(*losses)
    assert all(close(a, b, 1e-10) for a, b in zip(*grads, strict=True))
    assert close(models[0][1].running_mean, models[1][1].running_mean)
    assert close(models[0][1].running_var, models[1][1].running_var)


def test_the_weight_of_grad_align_is_that_of_cifar_10_at_8(x):
    assert RECIPES["GradAlign"] == GradAlign(weight=0.2)
    assert GradAlign.weight == pytest.approx(0.02 * 10 ** (8 / 8))


def losses_of_weights(model: nn.Module, x: Tensor, *weights: float) -> list[float]:
    found = []
    for weight in weights:
        with fixed_seed("aligned"):
            found.append(GradAlign(weight=weight).loss(model, x, Q).item())
    return found


def test_gradients_of_a_linear_two_class_model_are_parallel_so_that_nothing_is_penalised(x):
    """With two classes the gradient of the cross-entropy is a multiple of w_1 - w_0 everywhere."""
    with fixed_seed("linear"):
        model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2)).double()
    q = Q[:, [0, 3]].clone()
    q[:, 0] = 1 - q[:, 1]
    with fixed_seed("aligned"):
        free = GradAlign(weight=0.0).loss(model, x, q)
    with fixed_seed("aligned"):
        assert close(GradAlign(weight=100.0).loss(model, x, q), free, 1e-9)


def test_misalignment_is_from_0_to_2_and_counts_by_its_weight(x):
    free, one, ten = losses_of_weights(net(), x, 0.0, 1.0, 10.0)
    assert 0 < one - free < 2
    assert ten - free == pytest.approx(10 * (one - free))


def test_an_image_without_a_gradient_adds_nothing_to_grad_align(x):
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 10)).double()
    nn.init.zeros_(model[1].weight)
    free, one = losses_of_weights(model, x, 0.0, 1.0)
    assert one == free
    loss = GradAlign().loss(model, x, Q)
    assert all(grad.isfinite().all() for grad in torch.autograd.grad(loss, list(model.parameters())))
