"""Switches, and the two methods that ask for them: AdvProp and RobMask."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from small import CLASSES, EACH_MODEL, EPS, Q, close, madry_pgd, net
from torch import Tensor, nn
from torch.nn import functional as F

from bench import RECIPES, add_branches, branch, plain, scaled
from bench.core.errors import BadInput
from bench.core.rng import fixed_seed
from bench.models.batch_norm.folding import FoldedModel, fast_copy, find_folded, keep_folded
from bench.models.batch_norm.switches import InterpolatedBatchNorm, SplitBatchNorm, Switch
from bench.models.build import MODELS, smallest_side
from bench.models.freeze import frozen
from methods.advprop import AdvProp
from methods.robmask import RobMask

RATE = 0.1
CLEAN = (0.0, 0)
SPLIT = RobMask(strength=1.0, split_stats=True)


def descend(recipe, model: nn.Module, x: Tensor, steps: int = 4) -> list[float]:
    """Losses of a few steps of gradient descent."""
    losses = []
    for step in range(steps):
        with fixed_seed("step", step):
            loss = recipe.loss(model, x, Q)
        grads = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for p, grad in zip(model.parameters(), grads, strict=True):
                p -= RATE * grad
        losses.append(loss.item())
    return losses


def different(*names: str) -> nn.Module:
    """Branches that have become different."""
    model = add_branches(net(), *names)
    with torch.no_grad(), fixed_seed("different"):
        for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
            for t in (norm.weight, norm.bias, norm.running_mean):
                t += 0.5 * torch.randn_like(t)
    return model


# switches


def test_every_switch_is_moved_and_put_back(x):
    model = different("aux1")
    norm = model[1]
    main = deepcopy(model).eval()(x)
    with branch(model, "aux1"):
        assert norm.choice == "aux1"
        with branch(model, "main"):
            assert close(deepcopy(model).eval()(x), main)
        assert norm.choice == "aux1"
    assert norm.choice == "main"
    with pytest.raises(ZeroDivisionError), branch(model, "aux1"):
        _ = 1 / 0
    assert norm.choice == "main"


def test_a_branch_trains_its_own_norms_and_shares_the_rest(x):
    model = add_branches(net(), "aux1", "aux2")
    with branch(model, "aux1"):
        F.cross_entropy(model(x), CLASSES).backward()
    grads = {name for name, p in model.named_parameters() if p.grad is not None}
    branches = {name for name in grads if "branches" in name}
    assert branches == {"1.branches.aux1.weight", "1.branches.aux1.bias"}
    assert grads - branches == {name for name, _ in net().named_parameters() if not name.startswith("1.")}
    tracked = {name: int(norm.num_batches_tracked) for name, norm in model[1].branches.items()}
    assert tracked == {"main": 0, "aux1": 1, "aux2": 0}


@pytest.mark.parametrize("view", ["main", "aux1"])
def test_the_plain_model_computes_what_its_branch_does(view, x):
    model = different("aux1").eval()
    with branch(model, view):
        expected = model(x)
    assert torch.equal(plain(model, view)(x), expected)
    assert model[1].choice == "main"
    assert isinstance(model[1], SplitBatchNorm), "the model itself stays as it is"


@pytest.mark.parametrize("name", ["AdvProp", "RobMask"])
def test_a_model_without_batch_norm_is_refused_in_one_line(name):
    with pytest.raises(BadInput, match="no BatchNorm2d"):
        RECIPES[name].prepare(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten()))


@pytest.mark.slow
@pytest.mark.parametrize("arch", EACH_MODEL)
@pytest.mark.parametrize("name", ["AdvProp", "RobMask"])
def test_every_registered_model_learns_through_switches_and_loses_them(name, arch):
    recipe, kind = RECIPES[name], SplitBatchNorm if name == "AdvProp" else InterpolatedBatchNorm
    once = replace(recipe.adversary, ascent=replace(recipe.adversary.ascent, steps=1))
    recipe, size = replace(recipe, adversary=once), max(smallest_side(arch), 8)
    with fixed_seed("switches"):
        model, images = MODELS[arch](10, 3), torch.rand(2, 3, size, size)
        keys, norms = list(model.state_dict()), sum(isinstance(m, nn.BatchNorm2d) for m in model.modules())
        if not norms:
            pytest.skip("has no batch norms, and is refused by these recipes")
        model = recipe.prepare(model).to(memory_format=torch.channels_last)
        assert sum(isinstance(m, kind) for m in model.modules()) == norms
        recipe.loss(model, images, Q[:2].float()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    for view in recipe.finish(model).values():
        assert not any(isinstance(m, Switch) for m in view.modules())
        assert list(view.state_dict()) == keys
        assert view.eval()(images).isfinite().all()


# folded copies


def test_no_folded_copy_is_made_of_a_model_that_can_switch(x):
    """A traced graph would keep the branch it was traced with."""
    model = different("aux1")
    with keep_folded(model, x):
        assert find_folded(model) is model
        logits = []
        for view in ("main", "aux1", "main"):
            with branch(model, view), frozen(model) as attacked:
                logits.append(attacked(x))
    assert torch.equal(logits[0], logits[2])
    assert not close(logits[0], logits[1], 1e-2)
    assert fast_copy(model, x) is model
    with pytest.raises(AssertionError, match="traced"):
        FoldedModel(model)


def test_its_plain_views_do_have_folded_copies(x):
    for view in ("main", "aux1"):
        model = plain(different("aux1"), view).eval()
        with keep_folded(model, x):
            assert find_folded(model) is not model
            assert close(find_folded(model)(x), model(x), 1e-9)


def test_a_switch_moved_after_the_block_began_is_obeyed(x):
    """The whole attack goes through the branch that is open, folded or not."""
    recipe = RECIPES["AdvProp"]
    losses = []
    for outer in (True, False):
        model = different("aux1")
        with fixed_seed("folded"):
            if outer:
                with keep_folded(model, x):
                    losses.append(recipe.loss(model, x, Q))
            else:
                losses.append(recipe.loss(model, x, Q))
    assert torch.equal(*losses)


# AdvProp


def test_advprop_is_its_algorithm(x):
    """Two networks that share all but their norms, written out."""
    model = different("aux1")
    with branch(model, "aux1"):
        auxiliary = plain(model, "aux1").train()
    main = plain(model, "main").train()
    with fixed_seed("advprop"):
        x_adv = madry_pgd(auxiliary, x, CLASSES, 7, EPS / 5)
        expected = F.cross_entropy(main(x), CLASSES) + F.cross_entropy(auxiliary(x_adv), CLASSES)
    with fixed_seed("advprop"):
        loss = RECIPES["AdvProp"].loss(model, x, Q)
    assert close(loss, expected)
    assert close(plain(model, "main")[1].running_mean, main[1].running_mean)
    assert close(plain(model, "aux1")[1].running_mean, auxiliary[1].running_mean)


class Reach(nn.Module):
    """How far the images of each branch are from the clean ones."""

    def __init__(self, model: nn.Module, x: Tensor) -> None:
        super().__init__()
        self.model, self.x, self.seen = model, x, []

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen.append((self.model[1].choice, float((x - self.x).abs().max())))
        return self.model(x)


def reach(recipe, x: Tensor, seed: int = 0) -> list[tuple[object, float]]:
    model = Reach(recipe.prepare(net()), x).train()
    with fixed_seed("reach", seed):
        recipe.loss(model, x, Q)
    return model.seen


def test_two_auxiliary_sets_have_the_full_and_half_the_radius(x):
    seen = reach(RECIPES["AdvProp.2aux"], x)
    assert [name for name, _ in seen] == ["main", "aux1", "aux2"]
    assert [far for _, far in seen] == pytest.approx([0, EPS, EPS / 2])


def test_the_random_variant_draws_a_radius_for_each_batch(x):
    radii = [reach(RECIPES["AdvProp.rand"], x, seed)[1][1] for seed in range(15)]
    assert max(radii) <= EPS
    assert max(radii) > 0.7 * EPS
    assert min(radii) < 0.3 * EPS
    assert scaled(RECIPES["AdvProp.rand"].adversary, 0.5).ascent.step_size == pytest.approx(EPS / 10)


@pytest.mark.parametrize(
    ("name", "views"),
    [
        ("AdvProp", ["main", "aux1"]),
        ("AdvProp.rand", ["main", "aux1"]),
        ("AdvProp.2aux", ["main", "aux1", "aux2"]),
        ("RobMask", ["main", "adv"]),
    ],
)
def test_the_views(name, views):
    recipe = RECIPES[name]
    assert list(recipe.finish(recipe.prepare(net()))) == views


# RobMask


def trained_masks(k: int = 2, split: bool = False) -> nn.Module:
    recipe = RobMask(k=k, split_stats=split)
    model = recipe.prepare(net())
    with torch.no_grad(), fixed_seed("masks"):
        for p in [*model[1].scale, *model[1].shift]:
            p += 0.5 * torch.randn_like(p)
    return model


def test_robmask_at_full_strength_with_split_statistics_is_advprop_step_for_step(x):
    ours, theirs = SPLIT.prepare(net()), RECIPES["AdvProp"].prepare(net())
    assert descend(SPLIT, ours, x) == pytest.approx(descend(RECIPES["AdvProp"], theirs, x), abs=1e-9)
    views = list(zip(SPLIT.finish(ours).values(), RECIPES["AdvProp"].finish(theirs).values(), strict=True))
    assert len(views) == 2
    for a, b in views:
        for name, value in a.state_dict().items():
            assert torch.allclose(value, b.state_dict()[name], rtol=0, atol=1e-9), name


def test_it_has_as_many_parameters_as_advprop():
    counts = [sum(p.numel() for p in r.prepare(net()).parameters()) for r in (RECIPES["RobMask"], AdvProp())]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("k", [2, 3, 5])
def test_masks_are_linear_between_the_primary_strengths(k):
    norm = trained_masks(k)[1]

    def scale(strength: float) -> Tensor:
        norm.choice = (strength, 0)
        return norm.scale_and_shift()[0]

    for i in range(k):
        assert close(scale(i / (k - 1)), norm.scale[i])
    for i in range(k - 1):
        a, b = i / (k - 1), (i + 1) / (k - 1)
        assert close(scale(0.3 * a + 0.7 * b), 0.3 * norm.scale[i] + 0.7 * norm.scale[i + 1])
    with torch.no_grad():
        for row in norm.scale:
            row.fill_(1.0)
    assert all(close(scale(p), torch.ones(8, dtype=torch.float64)) for p in (0.0, 0.21, 0.77, 1.0)), "they sum to one"


def test_equal_primary_rescalings_do_not_know_the_strength(x):
    model = RobMask(k=3).prepare(net()).eval()
    logits = []
    for strength in (0.0, 0.4, 1.0):
        with branch(model, (strength, 0)):
            logits.append(model(x))
    assert close(logits[0], logits[1])
    assert close(logits[0], net().eval()(x)), "and begin as the model's own"
    assert close(logits[0], logits[2])


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_a_mask_folds_into_a_plain_norm(strength, split, x):
    model = trained_masks(split=split).eval()
    choice = (strength, int(split))
    with branch(model, choice):
        expected = model(x)
    assert close(plain(model, choice)(x), expected)
    assert type(plain(model, choice)[1]) is nn.BatchNorm2d


def test_primary_rescalings_learn_by_their_share(x):
    """In one pass at strength p, the gradients of the two are as 1 - p to p; they are tensors of their own."""
    model = RobMask().prepare(net())
    with branch(model, (0.3, 0)):
        F.cross_entropy(model(x), CLASSES).backward()
    first, second = model[1].scale
    assert close(first.grad * 0.3, second.grad * 0.7)
    with torch.no_grad():
        first += 1
    assert not close(first, second)


def test_strength_zero_is_the_clean_batch_through_the_clean_mask(x):
    recipe = RobMask(strength=0.0)
    assert reach(recipe, x) == [(CLEAN, 0.0), (CLEAN, 0.0)]
    with fixed_seed("zero"):
        loss = recipe.loss(recipe.prepare(net()), x, Q)
    assert close(loss, 2 * F.cross_entropy(net()(x), CLASSES))


def test_the_strength_is_radius_and_mask_at_once_and_drawn_for_each_batch(x):
    strengths = []
    for seed in range(15):
        ((p, _), far), clean = reach(RECIPES["RobMask"], x, seed)
        assert far == pytest.approx(p * EPS, rel=1e-6)
        assert clean == (CLEAN, 0.0)
        strengths.append(p)
    assert len(set(strengths)) == 15
    assert max(strengths) > 0.7
    assert min(strengths) < 0.3
    assert RECIPES["RobMask-10"].adversary.ascent.threat.eps == pytest.approx(10 / 255)


def test_the_options_of_what_the_paper_leaves_open(x):
    assert [choice for choice, _ in reach(RobMask(strength=0.5, include_clean=False), x)] == [(0.5, 0)]
    assert [choice for choice, _ in reach(RobMask(strength=0.5, split_stats=True), x)] == [(0.5, 1), CLEAN]
    for step, size in (("scaled", EPS / 10), ("fixed", EPS / 5)):
        ascent = replace(RECIPES["RobMask"], step=step).attack(0.5).ascent
        assert ascent.step_size == pytest.approx(size)
        assert ascent.threat.eps == pytest.approx(EPS / 2)


@pytest.mark.parametrize(("split", "counts"), [(False, [2]), (True, [1, 1])])
def test_shared_statistics_see_both_batches_and_split_ones_their_own(split, counts, x):
    recipe = RobMask(split_stats=split)
    model = recipe.prepare(net())
    recipe.loss(model, x, Q)
    assert [int(norm.num_batches_tracked) for norm in model[1].norms] == counts
