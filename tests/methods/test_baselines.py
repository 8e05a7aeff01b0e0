"""The recipes that are not of the five papers: MART, FGSM-RS, CutMix, AugMix, AWP; against their authors' code."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from small import CLASSES, EPS, B, K, Q, close, equal, net, set_beta_draws, training_pass
from torch import Tensor, nn
from torch.nn import functional as F

from bench import RECIPES, Ascent, Linf, Untargeted, box
from bench.core.errors import UnknownName
from bench.core.rng import fixed_seed
from bench.training import augmix_ops as augment
from methods.augmix import AugMix
from methods.awp import Awp
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
        with fixed_seed("mart"):
            losses.append(loss(model))
        grads.append(torch.autograd.grad(losses[-1], list(model.parameters())))
    assert close(*losses, 1e-9)
    assert all(close(a, b, 1e-8) for a, b in zip(*grads, strict=True))


def test_marts_stability_counts_only_with_beta(x):
    def loss(beta: float) -> float:
        with fixed_seed("mart"):
            return Mart(beta=beta).loss(net(), x, Q).item()

    assert loss(1.0) > loss(0.0)
    assert loss(6.0) - loss(0.0) == pytest.approx(6 * (loss(1.0) - loss(0.0)))


# FGSM-RS


def test_fgsm_rs_is_one_long_step_from_noise_in_training_mode(x):
    with fixed_seed("shown", 0):
        model = net()
        z = (x + EPS * (2 * torch.rand_like(x) - 1)).clamp(0, 1).requires_grad_()
    (grad,) = torch.autograd.grad(F.cross_entropy(model(z), CLASSES), z)
    x_adv = (z.detach() + 10 / 255 * grad.sign()).clamp(x - EPS, x + EPS).clamp(0, 1)
    seen = training_pass(RECIPES["FGSM-RS"], x)
    assert close(seen.images, x_adv)
    model(x_adv)
    assert close(seen.model[1].running_mean, model[1].running_mean), "the attack's pass moves them too"
    ascent = Ascent(Linf(EPS), 1, 10 / 255)
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
    set_beta_draws(monkeypatch, "cutmix", lam)
    monkeypatch.setattr("methods.cutmix.shuffled", lambda x: order)
    monkeypatch.setattr(torch, "randint", lambda high, size: torch.tensor(waiting.pop(0)))
    seen = training_pass(CutMix(chance=1.0), x)
    top, left, bottom, right = official_box(8, *point, lam)
    images = x.clone()
    images[:, :, top:bottom, left:right] = x[order, :, top:bottom, left:right]
    kept = 1 - (bottom - top) * (right - left) / 64
    assert torch.equal(seen.images, images)
    assert close(seen.labels, kept * Q + (1 - kept) * Q[order])


def test_half_of_the_batches_are_left_whole(x):
    whole = [torch.equal(training_pass(RECIPES["CutMix"], x, seed=seed).images, x) for seed in range(40)]
    assert 8 < sum(whole) < 32
    assert equal(training_pass(CutMix(chance=0.0), x), training_pass(Standard(), x))


def test_boxes_around_a_centre_are_larger_than_those_from_a_corner():
    with fixed_seed("boxes"):
        side = (1 - torch.rand(300)).sqrt()
        areas = [
            torch.cat([box(torch.zeros(1, 1, 32, 32), s[None], at=at) for s in side]).mean().item()
            for at in ("inside", "centre")
        ]
    assert areas == pytest.approx([0.189, 0.299], abs=0.03)


# AugMix


def pillow(x: Tensor) -> list[Image.Image]:
    return [Image.fromarray(image) for image in (255 * x).round().byte().permute(0, 2, 3, 1).numpy()]


def pixels(images: list[Image.Image]) -> Tensor:
    return torch.stack([torch.from_numpy(np.array(image)) for image in images]).permute(0, 3, 1, 2).double() / 255


@pytest.fixture
def photographs() -> Tensor:
    """Smooth images in 8 bits, one of them of a single colour."""
    with fixed_seed("photographs"):
        coarse = torch.rand(4, 3, 6, 6, dtype=torch.float64) * 0.8
    x = F.interpolate(coarse, (32, 32), mode="bicubic").clamp(0, 1)
    x[3] = 0.25
    return (255 * x).round() / 255


LEVELS = [0.1, 1.7, 2.9, 7.4]
AFFINE = {  # Pillow's matrix, from the level and the image's size
    "shear_x": lambda v, n: (1, 0.03 * v, 0, 0, 1, 0),
    "shear_y": lambda v, n: (1, 0, 0, 0.03 * v, 1, 0),
    "translate_x": lambda v, n: (1, 0, int(v * n / 30), 0, 1, 0),
    "translate_y": lambda v, n: (1, 0, 0, 0, 1, int(v * n / 30)),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["autocontrast", "equalize", "posterize", "solarize"])
def test_colours_are_those_of_pillow(name, level, photographs):
    theirs = {
        "autocontrast": ImageOps.autocontrast,
        "equalize": ImageOps.equalize,
        "posterize": lambda image: ImageOps.posterize(image, 4 - int(level * 4 / 10)),
        "solarize": lambda image: ImageOps.solarize(image, 256 - int(level * 256 / 10)),
    }[name]
    ours = getattr(augment, name)(photographs, torch.full((4,), level, dtype=torch.float64))
    slack = 1.01 / 255 if name == "autocontrast" else 1e-9  # Pillow cuts to whole numbers
    assert close(ours, pixels([theirs(image) for image in pillow(photographs)]), slack)


@pytest.mark.parametrize("level", LEVELS[:3])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", [*AFFINE, "rotate"])
def test_shapes_are_those_of_pillow_within_the_image(name, sign, level, photographs):
    def theirs(image: Image.Image) -> Image.Image:
        if name == "rotate":
            return image.rotate(sign * int(level * 3), resample=Image.Resampling.BILINEAR)
        matrix = AFFINE[name](level, 32)
        moved = [sign * m if i in (1, 2, 3, 5) else m for i, m in enumerate(matrix)]
        return image.transform((32, 32), Image.Transform.AFFINE, moved, resample=Image.Resampling.BILINEAR)

    ours = getattr(augment, name)(photographs, torch.full((4,), sign * level, dtype=torch.float64))
    expected = pixels([theirs(image) for image in pillow(photographs)])
    assert close(ours[..., 6:-6, 6:-6], expected[..., 6:-6, 6:-6], 1.01 / 255)


def test_every_image_gets_an_operation_of_its_own(monkeypatch):
    marks = [lambda x, level, i=i: torch.full_like(x, i / 10) for i in range(9)]
    monkeypatch.setattr(augment, "OPERATIONS", marks)
    with fixed_seed("operations"):
        out = augment.augmented(torch.rand(900, 1, 2, 2), 3.0)
    counts = (10 * out[:, 0, 0, 0]).round().long().bincount(minlength=9)
    assert counts.min() > 60
    assert counts.sum() == 900


def test_augmix_is_clean_cross_entropy_and_twelve_times_the_divergence(x, monkeypatch):
    mixtures = [x.flip(2), x.flip(3)]
    views = torch.cat([x, *mixtures])
    monkeypatch.setattr(AugMix, "augmix", lambda self, x: mixtures.pop(0))
    loss = RECIPES["AugMix"].loss(net(), x, Q)
    logits = net()(views)
    p = logits.softmax(1).view(3, B, K)
    divergence = 0
    for i in range(B):
        mixture = (p[0, i] + p[1, i] + p[2, i]) / 3
        divergence = divergence + sum((p[v, i] * (p[v, i] / mixture).log()).sum() for v in range(3)) / 3
    assert close(loss, F.cross_entropy(logits[:B], CLASSES) + 12 * divergence / B)


def test_a_mixture_is_of_the_image_and_three_chains_of_one_to_three_operations(monkeypatch):
    """Each operation takes away a tenth of an image of ones, so a chain says how long it is."""
    monkeypatch.setattr("methods.augmix.augmented", lambda x, severity: x - 0.1)
    ones = torch.ones(600, 1, 2, 2, dtype=torch.float64)
    with fixed_seed("chains"):
        mixed = AugMix().augmix(ones)[:, 0, 0, 0]
        one = AugMix(width=1).augmix(ones)[:, 0, 0, 0]
    assert 0.7 <= one.min() < 0.75
    assert mixed.max() <= 1
    assert one.mean().item() == pytest.approx(1 - 0.5 * 0.2, abs=0.01), "half of it, of two operations on average"
    assert mixed.mean().item() == pytest.approx(0.9, abs=0.01)
    assert mixed.std() < one.std()


# AWP


def official_awp(model: nn.Module, loss_of, gamma: float) -> tuple[Tensor, list[Tensor]]:
    """utils_awp.py: a step of ascent on a proxy, the model moved that way, its gradient there, and back.

    loss_of: a loss on adversarial images that are found already.
    """
    proxy = deepcopy(model)
    optimiser = torch.optim.SGD(proxy.parameters(), lr=0.01)
    (-loss_of(proxy)).backward()
    optimiser.step()
    moved = deepcopy(model)
    with torch.no_grad():
        for (key, old), new, w in zip(
            model.state_dict().items(), proxy.state_dict().values(), moved.state_dict().values(), strict=True
        ):
            if old.ndim > 1 and "weight" in key:
                w += gamma * old.norm() / ((new - old).norm() + 1e-20) * (new - old)
    loss = loss_of(moved)
    return loss, list(torch.autograd.grad(loss, list(moved.parameters())))


@pytest.mark.parametrize(("name", "gamma"), [("PGD-AT", 0.01), ("TRADES-6", 0.005)])
def test_awp_is_the_official_algorithm(name, gamma, x):
    base, images = RECIPES[name], []
    maximise = Ascent.maximise
    with pytest.MonkeyPatch.context() as patch, fixed_seed("awp"):
        patch.setattr(Ascent, "maximise", lambda *args: images.append(maximise(*args)) or images[-1])
        base.loss(net(), x, Q)
    (x_adv,) = images

    def loss_of(model: nn.Module) -> Tensor:
        if name == "PGD-AT":
            return F.cross_entropy(model(x_adv), CLASSES)
        logits = model(x)
        divergence = F.kl_div(model(x_adv).log_softmax(1), logits.softmax(1), reduction="batchmean")
        return F.cross_entropy(logits, CLASSES) + 6 * divergence

    expected, gradients = official_awp(net(), loss_of, gamma)
    model = net()
    with fixed_seed("awp"):
        loss = RECIPES[f"{name}+AWP"].loss(model, x, Q)
    assert close(loss, expected)
    assert loss > loss_of(net()), "the move raises the loss"
    ours = torch.autograd.grad(loss, list(model.parameters()))
    assert all(close(a, b, 1e-9) for a, b in zip(ours, gradients, strict=True))


@pytest.mark.parametrize("name", ["PGD-AT", "AVmixup", "M2AT.trades", "R-MC-LS", "FS", "TLAT", "CutMix", "AdvProp"])
def test_awp_that_moves_nothing_is_its_base(name, x):
    """Both evaluations must use the same random numbers and images, and move running statistics once."""
    models, losses = [], []
    for recipe in (RECIPES[name], Awp(RECIPES[name], gamma=0.0)):
        with fixed_seed("still"):
            models.append(recipe.prepare(net()))
            losses.append(recipe.loss(models[-1], x, Q))
    assert close(*losses)
    for a, b in zip(models[0].buffers(), models[1].buffers(), strict=True):
        assert close(a, b) or not a.is_floating_point()


def test_any_name_can_be_followed_by_awp_once():
    assert RECIPES["M2AT+AWP"] == Awp(RECIPES["M2AT"])
    assert RECIPES["R-MC-LA+AWP"] == Awp(RECIPES["R-MC-LA"], decay="kernels")
    for name in ("M2AT+AWP+AWP", "NOTHING+AWP", "+AWP"):
        assert name not in RECIPES
    with pytest.raises(UnknownName, match="did you mean"):
        RECIPES["M2ATT+AWP"]
    assert "M2AT+AWP" not in list(RECIPES), "such names are found, and not run by `all`"
    with pytest.raises(ValueError, match="already"):
        RECIPES.add("M2AT+AWP", Awp(RECIPES["M2AT"]))
