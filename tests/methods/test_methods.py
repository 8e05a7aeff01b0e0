"""The methods compute what their papers and official codes compute, and meet where they should.

Transcriptions here follow the official algorithms step by step, image by image, and share no code with the bench.
Double precision throughout, so that no sign of a gradient depends on rounding.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

import pytest
import torch
from small import (
    CLASSES,
    EPS,
    STEP,
    B,
    K,
    Q,
    TrainingPass,
    close,
    equal,
    madry_pgd,
    net,
    set_beta_draws,
    smoothed_label,
    soft_cross_entropy,
    training_pass,
)
from torch import Tensor, nn
from torch.nn import functional as F

import methods  # noqa: F401
from bench import L2, RECIPES, Ascent, Linf, Recipe, Untargeted, beta, box, lerp, smooth
from bench.core.rng import fixed_seed
from bench.core.threats.lengths import Pixels
from bench.training.recipe import scaled
from methods.advprop import AdvProp
from methods.augmix import AugMix
from methods.avmixup import AvMixup
from methods.awp import Awp
from methods.cutmix import CutMix
from methods.dkl import Ikl
from methods.grad_align import GradAlign
from methods.hat import Hat
from methods.lbgat import Lbgat
from methods.m2at import M2at
from methods.mart import Mart
from methods.mixup import Iat, Mixup
from methods.pgd_at import PGD10, AdversarialTraining, DynamicSmoothing
from methods.robmask import RobMask
from methods.standard import Standard
from methods.tlat import Tlat
from methods.trades import Trades

MANY_FORWARDS = (Awp, Trades, Mart, AugMix, Iat, Tlat, AdvProp, RobMask, GradAlign, Hat, Lbgat, Ikl)
ONE_FORWARD = [name for name, recipe in RECIPES.items() if not isinstance(recipe, MANY_FORWARDS)]


# labels


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("w", [0.0, 0.1, 0.55, 1.0])
def test_smooth_is_sm(classes, w):
    q = torch.eye(classes, dtype=torch.float64)[torch.tensor([1, 0])]
    expected = torch.stack([smoothed_label(1, w, classes), smoothed_label(0, w, classes)])
    assert close(smooth(q, w), expected)
    assert close(smooth(q, torch.tensor([w, 1.0], dtype=torch.float64)), torch.stack([expected[0], q[1]]))


def test_sm_is_affine_in_the_true_weight():
    a, b, c = torch.rand(3, B, dtype=torch.float64)
    mixed = lerp(smooth(Q, a), smooth(Q, b), c)
    assert close(mixed, smooth(Q, c * a + (1 - c) * b))
    assert close(smooth(Q, 1 / K), torch.full((B, K), 1 / K, dtype=torch.float64))
    assert torch.equal(smooth(Q, 1.0), Q)


@pytest.mark.parametrize("s", [0.0, 0.1, 0.7])
def test_torch_label_smoothing_is_smooth_at_the_converted_share(s):
    logits = torch.randn(B, K, dtype=torch.float64)
    theirs = F.cross_entropy(logits, CLASSES, label_smoothing=s)
    assert close(soft_cross_entropy(logits, smooth(Q, 1 - s * (K - 1) / K)), theirs)


def test_the_full_adversarial_image_of_avmixup_keeps_055():
    assert close(lerp(smooth(Q, 1.0), smooth(Q, 0.1), torch.full((B,), 0.5)), smooth(Q, 0.55), 1e-7)


@pytest.mark.parametrize("name", ONE_FORWARD)
@pytest.mark.parametrize("classes", [10, 13])
def test_labels_are_distributions_for_any_number_of_classes(name, classes, x):
    q = torch.eye(classes, dtype=torch.float64)[CLASSES]
    with fixed_seed("wide"):
        model = net()[:-1].append(nn.Linear(8, classes)).double().train()
    labels = training_pass(RECIPES[name], x, q, model=model).labels
    assert labels.shape == (B, classes)
    assert labels.min() >= 0
    assert close(labels.sum(1), torch.ones(B, dtype=torch.float64))


@pytest.mark.parametrize("name", ONE_FORWARD)
def test_the_loss_is_soft_cross_entropy_on_what_is_shown(name, x):
    seen = training_pass(RECIPES[name], x)
    assert close(seen.loss, soft_cross_entropy(net()(seen.images), seen.labels))


# draws


def test_draws_are_per_image_or_per_batch():
    x = torch.zeros(4000, 1, 1, 1)
    with fixed_seed("draws"):
        each, one = beta(1.0, x, per="image"), beta(1.0, x, per="batch")
        many = torch.cat([beta(1.0, x[:3], per="batch")[:1] for _ in range(400)])
    assert one.shape == each.shape == (4000,)
    assert len(one.unique()) == 1
    assert len(each.unique()) > 3900
    for draws, slack in ((each, 0.02), (many, 0.06)):  # U(0, 1): mean 1/2, sd 0.2887
        assert draws.mean().item() == pytest.approx(0.5, abs=slack)
        assert draws.std().item() == pytest.approx(math.sqrt(1 / 12), abs=slack)


def test_beta_has_the_variance_of_beta():
    with fixed_seed("beta"):
        draws = beta(0.3, torch.zeros(4000, 1), per="image")
    assert draws.mean().item() == pytest.approx(0.5, abs=0.03)
    assert draws.var().item() == pytest.approx(1 / (4 * (2 * 0.3 + 1)), abs=0.01)


# Standard, PGD-AT


def test_standard_is_cross_entropy_on_clean_images(x):
    seen = training_pass(RECIPES["Standard"], x)
    assert torch.equal(seen.images, x)
    assert close(seen.loss, F.cross_entropy(net()(x), CLASSES))
    assert close(
        training_pass(RECIPES["LS0.9"], x).labels, torch.stack([smoothed_label(y, 0.9) for y in CLASSES.tolist()])
    )


@pytest.mark.parametrize(
    ("name", "stats"), [("PGD-AT", "running"), ("PGD-AT.avmixup", "batch"), ("PGD-AT.m2at", "moving")]
)
def test_pgd_at_is_the_official_attack(name, stats, x):
    with fixed_seed("shown", 0):
        model = net()
        x_adv = madry_pgd(model, x, CLASSES, 10, STEP, stats)
        loss = F.cross_entropy(model(x_adv), CLASSES)
    seen = training_pass(RECIPES[name], x)
    assert close(seen.images, x_adv)
    assert close(seen.loss, loss)
    assert torch.equal(seen.labels, Q)
    assert close(seen.model[1].running_mean, model[1].running_mean)
    assert close(seen.model[1].running_var, model[1].running_var)


def test_statistics_change_the_attack(x):
    images = [training_pass(RECIPES[name], x).images for name in ("PGD-AT", "PGD-AT.avmixup")]
    assert not torch.equal(*images)


SPEC = {  # eps, steps, step size, start, batch-norm statistics, which weights decay
    "PGD-AT": (EPS, 10, STEP, "random", "running", "all"),
    "PGD-AT.m2at": (EPS, 10, STEP, "random", "moving", "all"),
    "PGD-AT.avmixup": (EPS, 10, STEP, "random", "batch", "kernels"),
    "PGD-AT.7x2": (EPS, 7, STEP, "unclipped", "running", "kernels"),
    "PGD-AT.2x8": (EPS, 2, EPS, "unclipped", "running", "kernels"),
    "PGD-AT.robmask": (EPS, 7, EPS / 5, "random", "running", "all"),
    "PGD-AT-LS0.8": (EPS, 10, STEP, "random", "running", "all"),
    "PGD-AT-LS0.9": (EPS, 10, STEP, "random", "running", "all"),
    "PGD-AT-LS0.8.avmixup": (EPS, 10, STEP, "random", "batch", "kernels"),
    "PGD-AT-LS": (EPS, 10, STEP, "random", "moving", "all"),
    "AVmixup": (EPS, 10, STEP, "random", "batch", "kernels"),
    "M2AT": (EPS, 10, STEP, "random", "moving", "all"),
}


@pytest.mark.parametrize("name", SPEC)
def test_settings_are_those_of_the_paper(name):
    recipe = RECIPES[name]
    eps, steps, step, start, stats, decay = SPEC[name]
    assert recipe.adversary.ascent.step_size == pytest.approx(step)
    assert recipe.adversary == Untargeted(Ascent(Linf(eps), steps, recipe.adversary.ascent.step_size, start), stats)
    assert recipe.decay == decay


def test_an_attack_of_no_steps_from_the_image_is_standard(x):
    nothing = AdversarialTraining(Untargeted(Ascent(Linf(EPS), 0, STEP, "clean")))
    assert equal(training_pass(nothing, x), training_pass(Standard(), x))


def test_fgsm_is_one_full_step_from_the_image(x):
    seen = training_pass(AdversarialTraining(Untargeted(Ascent(Linf(EPS), 1, EPS, "clean"))), x)
    z = x.clone().requires_grad_()
    F.cross_entropy(net().eval()(z), CLASSES).backward()
    assert close(seen.images, (x + EPS * z.grad.sign()).clamp(0, 1))


def test_the_unclipped_start_may_leave_the_image_range_and_the_random_one_may_not(x):
    with fixed_seed("start"):
        free, clipped = Ascent(Linf(EPS), 1, STEP, "unclipped").first(x), PGD10.first(x)
    assert free.min() < 0
    assert free.max() > 1
    assert clipped.min() >= 0
    assert clipped.max() <= 1
    with fixed_seed("start"):
        assert torch.equal(PGD10.first(x), free.clamp(0, 1))


@pytest.mark.parametrize("keep", [0.8, 0.9])
def test_fixed_smoothing_changes_the_label_and_nothing_else(keep, x):
    plain, soft = training_pass(RECIPES["PGD-AT"], x), training_pass(RECIPES[f"PGD-AT-LS{keep}"], x)
    assert torch.equal(plain.images, soft.images), "attacked with the hard label"
    assert close(soft.labels, torch.stack([smoothed_label(y, keep) for y in CLASSES.tolist()]))
    assert replace(RECIPES[f"PGD-AT-LS{keep}"], keep=1.0) == RECIPES["PGD-AT"]


def test_drawn_smoothing_draws_once_a_batch(x):
    weights = []
    for seed in range(20):
        seen = training_pass(DynamicSmoothing(Untargeted(Ascent(Linf(EPS), 1, EPS))), x, seed=seed)
        true = seen.labels[range(B), CLASSES]
        assert close(true, true[0].expand(B))
        assert close(seen.labels, torch.stack([smoothed_label(y, float(true[0])) for y in CLASSES.tolist()]))
        weights.append(float(true[0]))
    assert min(weights) < 0.25
    assert max(weights) > 0.75


# AVmixup


def test_avmixup_is_its_algorithm_with_a_draw_for_each_image(x, monkeypatch):
    a = torch.tensor([0.0, 0.2, 0.55, 0.9, 1.0], dtype=torch.float64)
    asked = set_beta_draws(monkeypatch, "avmixup", a)
    seen = training_pass(RECIPES["AVmixup"], x)
    with fixed_seed("shown", 0):
        model = net()
        x_adv = madry_pgd(model, x, CLASSES, 10, STEP, "batch")
    images, labels = [], []
    for i, y in enumerate(CLASSES.tolist()):
        delta = x_adv[i] - x[i]
        vertex = torch.clip(x[i] + 2.0 * delta, 0, 1)
        images.append(a[i] * x[i] + (1 - a[i]) * vertex)
        labels.append(a[i] * smoothed_label(y, 1.0) + (1 - a[i]) * smoothed_label(y, 0.1))
    assert close(seen.images, torch.stack(images))
    assert close(seen.labels, torch.stack(labels))
    assert close(seen.loss, soft_cross_entropy(model(torch.stack(images)), torch.stack(labels)))
    assert asked == [(1.0, "image")]
    assert RECIPES["AVmixup"] == AvMixup(gamma=2.0, keep_clean=1.0, keep_vertex=0.1, decay="kernels")


def test_avmixup_mixes_image_and_label_by_the_same_number(x):
    seen = training_pass(RECIPES["AVmixup"], x)
    a = (seen.labels[range(B), CLASSES] - 0.1) / 0.9
    assert len(a.unique()) == B, "one draw an image"
    with fixed_seed("shown", 0):
        vertex = (x + 2 * (RECIPES["AVmixup"].adversary(net(), x, Q) - x)).clamp(0, 1)
    assert close(seen.images, lerp(x, vertex, a))


@pytest.mark.parametrize("keep", [1.0, 0.8])
def test_avmixup_at_the_adversarial_end_is_adversarial_training(keep, x, monkeypatch):
    set_beta_draws(monkeypatch, "avmixup", 0.0)
    mixed = AvMixup(gamma=1.0, keep_clean=keep, keep_vertex=keep)
    plain, other = (training_pass(recipe, x) for recipe in (AdversarialTraining(mixed.adversary, keep), mixed))
    assert close(other.images, plain.images)
    assert close(other.labels, plain.labels)
    assert close(other.loss, plain.loss)


def test_avmixup_at_the_clean_end_is_standard(x, monkeypatch):
    set_beta_draws(monkeypatch, "avmixup", 1.0)
    assert equal(training_pass(AvMixup(), x), training_pass(Standard(), x))


def test_the_vertex_reaches_gamma_eps_and_stays_an_image(x, monkeypatch):
    set_beta_draws(monkeypatch, "avmixup", 0.0)
    vertex = training_pass(RECIPES["AVmixup"], x).images
    assert (vertex - x).abs().max().item() == pytest.approx(2 * EPS)
    assert vertex.min() >= 0
    assert vertex.max() <= 1


# TRADES


def official_trades(model: nn.Module, x: Tensor, y: Tensor, weight: float, steps: int = 10) -> Tensor:
    """yaodongyu/TRADES, trades.py: evaluation mode for the attack, three passes in training mode."""
    divergence = nn.KLDivLoss(reduction="sum")
    model.eval()
    x_adv = x.detach() + 0.001 * torch.randn(x.shape, dtype=x.dtype)
    for _ in range(steps):
        x_adv.requires_grad_()
        objective = divergence(F.log_softmax(model(x_adv), dim=1), F.softmax(model(x), dim=1))
        grad = torch.autograd.grad(objective, [x_adv])[0]
        x_adv = x_adv.detach() + 0.007 * torch.sign(grad.detach())
        x_adv = torch.min(torch.max(x_adv, x - 0.031), x + 0.031)
        x_adv = torch.clamp(x_adv, 0.0, 1.0)
    model.train()
    natural = F.cross_entropy(model(x), y)
    robust = (1.0 / len(x)) * divergence(F.log_softmax(model(x_adv), dim=1), F.softmax(model(x), dim=1))
    return natural + weight * robust


@pytest.mark.parametrize("name", ["TRADES-1", "TRADES-6"])
def test_trades_is_the_official_loss_with_the_official_gradient(name, x):
    ours, theirs = net(), net()
    losses = []
    for model, loss in ((ours, RECIPES[name].loss), (theirs, None)):
        with fixed_seed("trades"):
            weight = float(name.removeprefix("TRADES-"))
            losses.append(loss(model, x, Q) if loss else official_trades(model, x, CLASSES, weight))
        losses[-1].backward()
    assert close(*losses)
    assert all(close(a.grad, b.grad) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_trades_without_its_second_term_is_standard(x):
    with fixed_seed("trades"):
        assert close(Trades(beta=0.0).loss(net(), x, Q), training_pass(Standard(), x).loss)


def test_the_stability_term_is_positive_and_grows_with_beta(x):
    losses = []
    for weight in (0.0, 1.0, 6.0):
        with fixed_seed("trades"):
            losses.append(Trades(beta=weight).loss(net(), x, Q).item())
    clean, one, six = losses
    assert one > clean
    assert six - clean == pytest.approx(6 * (one - clean))


def test_the_stability_term_is_zero_where_nothing_moves(x, monkeypatch):
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    still = Trades(Ascent(Linf(0.031), 0, 0.007))
    assert close(still.loss(net(), x, Q), training_pass(Standard(), x).loss)


def test_trades_starts_a_thousandth_away(x):
    """An attack of no steps returns its start."""
    model, inputs = net(), []
    model.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    with fixed_seed("trades"):
        Trades(Ascent(Linf(0.031), 0, 0.007)).loss(model, x, Q)
    with fixed_seed("trades"):
        assert close(inputs[-1], x + 0.001 * torch.randn(x.shape, dtype=x.dtype))


# M2AT


def mask(monkeypatch: pytest.MonkeyPatch, top: int, left: int) -> None:
    """Let boxes begin in this row and this column."""
    corner = iter([top, left])
    monkeypatch.setattr(torch, "randint", lambda high, size: torch.tensor(next(corner)))


@pytest.mark.parametrize(
    ("lam1", "lam2", "top", "left"), [(0.5, 0.3, 1, 2), (0.2, 0.9, 5, 0), (0.0, 0.25, 0, 0), (0.98, 0.6, 3, 3)]
)
def test_m2at_is_its_two_image_algorithm(lam1, lam2, top, left, x, monkeypatch):
    asked = set_beta_draws(monkeypatch, "m2at", lam2, lam1)
    mask(monkeypatch, top, left)
    seen = training_pass(RECIPES["M2AT"], x)
    with fixed_seed("shown", 0):
        model = net()
        x_adv = madry_pgd(model, x, CLASSES, 10, STEP, "moving")
    delta = x_adv - x
    height, width = x.shape[2:]
    bh, bw = int(height * math.sqrt(1 - lam1)), int(width * math.sqrt(1 - lam1))
    ones = torch.zeros(height, width, dtype=torch.float64)
    for row in range(top, min(height, top + bh)):
        for column in range(left, min(width, left + bw)):
            ones[row, column] = 1
    a = float(ones.sum()) / (height * width)
    xi, xibar = x + delta * ones, x + delta * (1 - ones)
    t, tbar = (torch.stack([smoothed_label(y, w) for y in CLASSES.tolist()]) for w in (a, 1 - a))
    images, labels = lam2 * xi + (1 - lam2) * xibar, lam2 * t + (1 - lam2) * tbar
    assert close(seen.images, images)
    assert close(seen.labels, labels)
    assert close(seen.loss, soft_cross_entropy(model(images), labels))
    assert close(seen.model[1].running_mean, model[1].running_mean)
    assert asked == [(1.0, "batch")] * 2


def share_of(seen: TrainingPass, x: Tensor, recipe: Recipe, seed: int = 0) -> Tensor:
    """Of the perturbation, at each pixel that the adversary moved; NaN elsewhere."""
    with fixed_seed("shown", seed):
        delta = recipe.adversary(net(), x, Q) - x
    return torch.where(delta.abs() > 1e-4, (seen.images - x) / delta, torch.nan)


@pytest.mark.parametrize("seed", range(8))
def test_the_label_of_m2at_is_the_share_of_the_perturbation(seed, x):
    """w = mean of m, m = lam inside the box and 1 - lam outside; drawn per batch and the same in every channel."""
    recipe = RECIPES["M2AT"]
    seen = training_pass(recipe, x, seed=seed)
    m = share_of(seen, x, recipe, seed).flatten(0, 1)
    assert m.nan_to_num(-9).amax(0).min() > -9, "every pixel is moved in some image"
    share = m.nanmean(0)
    assert close(torch.where(m.isnan(), share, m), share.expand_as(m), 1e-9), "one mask and one lam for the batch"
    values = share.flatten().sort().values
    assert ((values - values[0]).abs() < 1e-9).logical_or((values - (1 - values[0])).abs() < 1e-9).all()
    assert close(seen.labels[range(B), CLASSES], share.mean().expand(B), 1e-9)


def test_the_box_is_drawn_for_a_side_of_the_root_of_one_minus_lambda(x, monkeypatch):
    sides = []

    def spy(images: Tensor, side: Tensor, *how: str) -> Tensor:
        sides.append(side)
        return box(images, side, *how)

    monkeypatch.setattr("methods.m2at.box", spy)
    set_beta_draws(monkeypatch, "m2at", 0.5, 0.36)
    training_pass(RECIPES["M2AT"], x)
    assert close(sides[0], torch.full((B,), 0.8, dtype=torch.float64))


@pytest.fixture(scope="module")
def areas() -> tuple[Tensor, Tensor]:
    """The distribution of the box area in 32 x 32 images: areas (32^3,) and their probabilities.

    Exact: every corner that can be drawn, and every side in whole pixels with the chance that it has.
    """
    side = (torch.arange(32, dtype=torch.float64) + 0.5) / 32  # int(32 s) = 0 .. 31
    rows, asked = [], []
    with pytest.MonkeyPatch.context() as patch:
        for corner in range(32):
            patch.setattr(
                torch, "randint", lambda high, size, corner=corner: asked.append(high) or torch.tensor(corner)
            )
            boxes = box(torch.zeros(32, 3, 32, 32, dtype=torch.float64), side)
            assert boxes.shape == (32, 1, 32, 32)
            assert torch.equal(boxes[:, 0].amax(1), boxes[:, 0].amax(2)), "square, as its corner is on the diagonal"
            rows.append(boxes[:, 0].amax(2).mean(1))
    assert set(asked) == {32}
    extent = torch.stack(rows)  # corner, side
    edges = (torch.arange(33, dtype=torch.float64) / 32).square()  # P(sqrt(1 - lam1) < s) = s^2
    area = extent[:, None] * extent[None]
    chance = (edges[1:] - edges[:-1]).expand_as(area) / 32**2
    return area.flatten(), chance.flatten()


def test_the_area_of_boxes_has_the_moments_of_the_specification(areas):
    a, p = areas
    mean = (p * a).sum()
    assert p.sum().item() == pytest.approx(1)
    assert mean.item() == pytest.approx(0.1889, abs=1e-4)
    assert (p * (a - mean) ** 2).sum().sqrt().item() == pytest.approx(0.173, abs=1e-3)


def test_the_true_weight_of_m2at_has_the_moments_of_the_specification(areas):
    """Given the area a, w = lam a + (1 - lam)(1 - a) is uniform between a and 1 - a."""
    a, p = areas
    low, width = torch.minimum(a, 1 - a), (1 - 2 * a).abs()
    assert (p * (low + width / 2)).sum().item() == pytest.approx(0.5)
    assert (p * width.square() / 12).sum().sqrt().item() == pytest.approx(0.206, abs=1e-3)
    for bound, chance, slack in ((0.1, 0.024, 1e-3), (0.01, 0.0002, 1e-4)):
        below = ((bound - low) / width.clamp_min(1e-12)).clamp(0, 1)
        assert (p * below).sum().item() == pytest.approx(chance, abs=slack)


def test_boxes_begin_inside_the_image_and_end_at_its_border():
    with fixed_seed("boxes"):
        boxes = torch.cat([box(torch.zeros(1, 3, 4, 7), torch.tensor([0.6])) for _ in range(600)])[:, 0]
    assert set(boxes.amax(2).sum(1).tolist()) == {1, 2}, "int(4 * 0.6) = 2 rows, or 1 where it is cut off"
    assert set(boxes.amax(1).sum(1).tolist()) == {1, 2, 3, 4}, "int(7 * 0.6) = 4 columns"
    assert boxes.flatten(1).amax(1).min() == 1, "never empty"
    corners = {(int(b.amax(1).argmax()), int(b.amax(0).argmax())) for b in boxes}
    assert len(corners) == 4 * 7, "every pixel can be the corner"


def test_an_empty_box_is_avmixup_towards_a_soft_adversary(x, monkeypatch):
    set_beta_draws(monkeypatch, "m2at", 0.3, 1.0)
    set_beta_draws(monkeypatch, "avmixup", 0.3)
    recipe = RECIPES["M2AT"]
    mixed = AvMixup(recipe.adversary, gamma=1.0, keep_clean=0.0, keep_vertex=1.0)
    a, b = training_pass(recipe, x), training_pass(mixed, x)
    assert close(a.images, b.images)
    assert close(a.labels, b.labels)
    assert close(a.loss, b.loss)


def test_a_full_box_mirrors_an_empty_one(x, monkeypatch):
    set_beta_draws(monkeypatch, "m2at", 0.3, 0.0, 0.7, 1.0)
    monkeypatch.setattr(torch, "randint", lambda high, size: torch.tensor(0))
    full, empty = training_pass(RECIPES["M2AT"], x), training_pass(RECIPES["M2AT"], x)
    assert close(full.images, empty.images)
    assert close(full.labels, empty.labels)


def test_the_two_ends_of_the_mix_share_the_perturbation(x, monkeypatch):
    recipe = RECIPES["M2AT"]
    set_beta_draws(monkeypatch, "m2at", 1.0, 0.4, 0.0, 0.4)
    with fixed_seed("shown", 0):
        x_adv = recipe.adversary(net(), x, Q)
    xi, xibar = training_pass(recipe, x), training_pass(recipe, x)
    assert close(xi.images + xibar.images, x + x_adv)
    set_beta_draws(monkeypatch, "m2at", 0.4)
    assert equal(xi, training_pass(RECIPES["M2AT.mask-ls"], x)), "lam = 1 is the row without mixing"


def test_an_even_mix_carries_half_everywhere(x, monkeypatch):
    set_beta_draws(monkeypatch, "m2at", 0.5, 0.4)
    recipe = RECIPES["M2AT"]
    seen = training_pass(recipe, x)
    assert close(share_of(seen, x, recipe).nan_to_num(0.5), torch.full_like(x, 0.5), 1e-9)
    assert close(seen.labels, smooth(Q, 0.5))


@pytest.mark.parametrize("seed", range(4))
def test_m2at_stays_in_the_ball(seed, x):
    seen = training_pass(RECIPES["M2AT"], x, seed=seed)
    assert (seen.images - x).abs().max() <= EPS + 1e-12
    assert seen.images.min() >= 0
    assert seen.images.max() <= 1


U, LAM, CORNER = 0.36, 0.3, (1, 2)  # u and lam1 are one draw; a box of int(8 * 0.8) pixels square
AREA = 36 / 64
TABLE_3 = {  # share of the perturbation inside and outside the box, weight of the true class
    "PGD-AT-LS": (1, 1, U),
    "M2AT.mix": (LAM, LAM, 1),
    "M2AT.mix-ls": (LAM, LAM, LAM * U + (1 - LAM) * (1 - U)),
    "M2AT.mask": (1, 0, 1),
    "M2AT.mask-ls": (1, 0, AREA),
    "M2AT.mask-mix": (LAM, 1 - LAM, 1),
    "M2AT": (LAM, 1 - LAM, LAM * AREA + (1 - LAM) * (1 - AREA)),
}


@pytest.mark.parametrize("name", TABLE_3)
def test_the_seven_rows_of_the_ablation(name, x, monkeypatch):
    recipe, (inside, outside, weight) = RECIPES[name], TABLE_3[name]
    set_beta_draws(monkeypatch, "m2at", *([LAM] if getattr(recipe, "mix", False) else []), U)
    set_beta_draws(monkeypatch, "pgd_at", U)
    mask(monkeypatch, *CORNER)
    seen = training_pass(recipe, x)
    with fixed_seed("shown", 0):
        delta = madry_pgd(net(), x, CLASSES, 10, STEP, "moving") - x
    share = torch.full((8, 8), float(outside), dtype=torch.float64)
    share[1:7, 2:8] = inside
    assert close(seen.images, x + share * delta)
    assert close(seen.labels, smooth(Q, weight))


def test_every_row_of_the_ablation_is_registered():
    rows = {(r.mask, r.mix, r.soft) for r in RECIPES.values() if isinstance(r, M2at)}
    assert len(rows) == 6
    assert (False, False, True) not in rows
    assert (False, False, False) not in rows


def test_m2at_with_nothing_but_smoothing_is_pgd_at_ls(x):
    assert equal(training_pass(M2at(mask=False, mix=False), x), training_pass(RECIPES["PGD-AT-LS"], x))


def test_m2at_with_nothing_on_is_pgd_at(x):
    assert equal(training_pass(M2at(mask=False, mix=False, soft=False), x), training_pass(RECIPES["PGD-AT.m2at"], x))


# radii


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    for field in fields(value):
        inner = getattr(value, field.name)
        if is_dataclass(inner):
            yield from leaves(inner, f"{path}{field.name}.")
        else:
            yield f"{path}{field.name}", inner


@pytest.mark.parametrize("name", RECIPES)
def test_radii_and_steps_scale_and_nothing_else_does(name):
    factor = 0.2 / (8 / 255)
    before, after = (dict(leaves(r)) for r in (RECIPES[name], scaled(RECIPES[name], factor)))
    for path, value in before.items():
        radius = path.endswith((".eps", ".step_size"))
        assert after[path] == (pytest.approx(value * factor) if radius else value)
    learner = getattr(RECIPES[name], "objective", RECIPES[name])
    assert any(path.endswith(".eps") for path in before) == (not isinstance(learner, (Standard, Mixup, CutMix, AugMix)))


def test_the_radius_of_trades_keeps_its_ratio_to_eight():
    inner = scaled(RECIPES["TRADES-6"], 0.2 / (8 / 255)).inner
    assert inner.threat.eps == pytest.approx(0.197625)
    assert inner.step_size == pytest.approx(0.044625)
    assert scaled(RECIPES["PGD-AT"], 0.2 / (8 / 255)).adversary.ascent.threat.eps == pytest.approx(0.2)


@dataclass(frozen=True)
class Nested:
    name: str
    ascent: Ascent
    radius: Pixels
    radii: tuple[Pixels, ...]
    weight: float = 0.5
    weights: tuple[float, ...] = (0.5, 2.0)
    count: int = 3


def test_scaling_reaches_every_depth_and_only_pixels():
    value = Nested("a", Ascent(L2(0.5), 7, 0.1), 0.2, (0.1, 0.4))
    assert scaled(value, 2.0) == Nested("a", Ascent(L2(1.0), 7, 0.2), 0.4, (0.2, 0.8))
    assert scaled(value, 1.0) == value
    assert scaled("a", 2.0) == "a"
