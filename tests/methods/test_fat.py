"""Friendly adversarial training: searches that stop early, against the authors' code."""

from dataclasses import replace

import pytest
import torch
from small import K, close, equal, net, training_pass
from torch import Tensor, nn
from torch.nn import functional as F

from bench import RECIPES, Ascent, Linf, Untargeted, epoch_share
from bench.core.rng import fixed_seed
from bench.training.epoch_share import in_epoch
from methods.fat import EarlyStopped
from methods.pgd_at import AdversarialTraining

INNER = Ascent(Linf(0.031), 10, 0.007)


def friendly(tau: float, omega: float = 0.0) -> AdversarialTraining:
    return AdversarialTraining(EarlyStopped(tau=(tau,), omega=omega))


def official_early_stop(model: nn.Module, x: Tensor, y: Tensor, tau: int, noise: list[Tensor]) -> tuple[Tensor, int]:
    """zjfheart/Friendly-Adversarial-Training, earlystop.py, image by image, with its uniform start.

    noise: of each step, for all images. Returns the images, and the number of steps that were taken.
    """
    model.eval()
    first = torch.clamp(x + 0.031 * (2 * torch.rand_like(x) - 1), 0, 1)
    found, count = [], 0
    for i in range(len(x)):
        image, control = first[i : i + 1], tau
        for k in range(10):
            image = image.detach().requires_grad_()
            output = model(image)
            if output.argmax(1) != y[i]:
                if control == 0:
                    break
                control -= 1
            (grad,) = torch.autograd.grad(F.cross_entropy(output, y[i : i + 1]), image)
            image = image.detach() + 0.007 * grad.sign() + noise[k][i : i + 1]
            image = torch.min(torch.max(image, x[i : i + 1] - 0.031), x[i : i + 1] + 0.031)
            image = torch.clamp(image, 0, 1)
            count += 1
        found.append(image.detach())
    model.train()
    return torch.cat(found), count


def labels_of(x: Tensor) -> tuple[Tensor, Tensor]:
    """The model's own classes, but for one image, so that searches start from right and from wrong ones; with q."""
    y = net().eval()(x).argmax(1)
    y[0] = (y[0] + 1) % K
    return y, torch.eye(K, dtype=torch.float64)[y]


@pytest.mark.parametrize("omega", [0.0, 0.001])
@pytest.mark.parametrize("tau", [0, 1, 2, 10])
def test_fat_is_the_official_search(tau, omega, x):
    y, q = labels_of(x)
    with fixed_seed("shown", 0):
        torch.rand_like(x)
        noise = [omega * torch.randn_like(x) for _ in range(10)] if omega else [torch.zeros_like(x)] * 10
    with fixed_seed("shown", 0):
        images, count = official_early_stop(net(), x, y, tau, noise)
    seen = training_pass(friendly(tau, omega), x, q)
    assert close(seen.images, images)
    assert close(seen.loss, F.cross_entropy(net()(images), y))
    assert count < 50 or tau == 10, "some image is left early"


def test_a_patience_of_all_steps_is_pgd(x):
    plain = AdversarialTraining(Untargeted(INNER))
    assert equal(training_pass(friendly(10), x), training_pass(plain, x))
    assert not equal(training_pass(friendly(0), x), training_pass(plain, x))


def test_an_image_that_is_wrong_from_the_start_stays_there_without_patience(x):
    wrong = (net().eval()(x).argmax(1) + 1) % K
    q = torch.eye(K, dtype=torch.float64)[wrong]
    with fixed_seed("shown", 0):
        start = INNER.first(x)
    still_wrong = net().eval()(start).argmax(1) != wrong
    assert still_wrong.any()
    assert torch.equal(training_pass(friendly(0), x, q).images[still_wrong], start[still_wrong])


def test_patience_grows_with_the_training(x):
    _, q = labels_of(x)
    fat = RECIPES["FAT"]
    assert fat == AdversarialTraining(EarlyStopped(INNER, tau=(0, 1, 2), until=(50 / 120, 90 / 120), omega=0.001))
    for epoch, tau in ((1, 0), (50, 0), (51, 1), (90, 1), (91, 2), (120, 2)):
        with in_epoch(epoch, 120):
            assert epoch_share() == epoch / 120
            seen = training_pass(fat, x, q)
        assert equal(seen, training_pass(friendly(tau, 0.001), x, q))
    assert epoch_share() == 1
    constant = replace(fat, adversary=replace(fat.adversary, tau=(1,)))
    assert equal(training_pass(constant, x, q), training_pass(friendly(1, 0.001), x, q))


def test_noise_of_a_step_leaves_images_without_a_gradient_and_the_ball_alone(x):
    with fixed_seed("noise"):
        moved = INNER.maximise(lambda z: z.flatten(1).sum(1) * torch.tensor([1, 0, 1, 1, 0]), x, x, noise=0.01)
    assert torch.equal(moved[1], x[1])
    assert torch.equal(moved[4], x[4])
    assert 0.03 < (moved - x).abs().max() <= 0.031 + 1e-12
