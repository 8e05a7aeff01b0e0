"""Choices that papers leave open: each is a field, and its default gives the names and numbers of earlier runs."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small import CLASSES, B, K, Q, close, net, set_beta_draws, training_pass, training_passes
from torch import Tensor
from torch.nn import functional as F

import methods  # noqa: F401
from bench import DATASETS, RECIPES, beta, box, smooth
from bench.core.errors import BadInput
from bench.core.overrides import override
from bench.core.plan import Plan
from bench.core.rng import fixed_seed
from bench.core.threats.lengths import REFERENCE_EPS
from bench.training.job import Job
from bench.training.recipe import scaled
from methods.awp import Awp
from methods.feature_scatter import Scatter
from methods.m2at import M2at
from methods.pgd_at import AdversarialTraining, DynamicSmoothing
from methods.tlat import Tlat

ROOT = Path(__file__).parents[2]
RUNS = sorted([*ROOT.glob("results/published/**/job.json"), *ROOT.glob("tests/baseline/**/job.json")])

# names of runs


def test_a_repr_shows_an_option_only_where_it_is_not_the_default():
    assert repr(M2at()) == repr(M2at(direction="paper"))
    assert repr(M2at(direction="reversed")) == repr(M2at())[:-1] + ", direction='reversed')"
    assert "per=" in repr(Awp(DynamicSmoothing(per="image")))
    assert "floor=0.0" in repr(AdversarialTraining(Scatter(floor=0.0)))
    assert M2at(per="image") != M2at()
    with pytest.raises(TypeError, match="positional"):
        Scatter(Scatter().ascent, 0.0)


@pytest.mark.parametrize("name", RECIPES)
def test_registered_recipes_choose_the_defaults(name):
    chosen = [f.name for f in fields(RECIPES[name]) if not f.repr and getattr(RECIPES[name], f.name) != f.default]
    assert chosen == []


def job_of(path: Path) -> tuple[Job, dict[str, Any]]:
    """The job that a committed run would have with the recipes of today, and its job.json."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    recipe = scaled(RECIPES[facts["name"]], DATASETS[facts["dataset"]].threat.eps / REFERENCE_EPS)
    assert repr(recipe) == facts["recipe"]
    plan = Plan(**facts["plan"] | {"milestones": tuple(facts["plan"]["milestones"])})
    rest = {f.name: facts[f.name] for f in fields(Job) if f.name not in ("recipe", "plan", "start") and f.name in facts}
    start = job_of(path.parents[4] / facts["start"] / "job.json")[0] if facts.get("start") else None
    return Job(recipe=recipe, plan=plan, start=start, **rest), facts


@pytest.mark.parametrize("path", RUNS, ids=lambda path: "-".join(path.parts[-5:-2]))
def test_committed_runs_have_the_names_that_they_would_be_given_now(path):
    job, facts = job_of(path)
    assert job.run == facts["run"]
    assert int(facts["environment"]["threads"]) == job.threads == 1, "weights that this name stands for"


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("M2AT", "direction", "reversed"),
        ("M2AT", "per", "image"),
        ("M2AT", "corner", "border"),
        ("M2AT.mix-ls", "unmasked", "area1"),
        ("M2AT.mask", "unmixed", "xibar"),
        ("TLAT", "per", "image"),
        ("TLAT", "other", "true"),
        ("M-TLAT", "halves", "split"),
        ("LS-adv", "both", "true"),
        ("PGD-AT-LS", "per", "image"),
        ("FS", "adversary.floor", "0"),
        ("RobMask", "strength", "0.25"),
        ("R-MC-LA", "heaviest", "9"),
    ],
)
def test_an_option_can_be_set_and_renames_the_run(name, path, text):
    recipe = override(RECIPES[name], path, text)
    job = Job(name, RECIPES[name], "digits", "0" * 16, "cnn", Plan(1), "quick")
    assert replace(job, recipe=recipe).digest != job.digest
    with fixed_seed("option"):
        loss = recipe.loss(recipe.prepare(net()), torch.rand(B, 3, 8, 8, dtype=torch.float64), Q)
    assert loss.isfinite()


def test_a_number_that_may_be_missing_is_set_and_taken_away():
    assert override(RECIPES["RobMask"], "strength", "1/4").strength == 0.25
    assert override(replace(RECIPES["RobMask"], strength=0.5), "strength", "none") == RECIPES["RobMask"]
    assert override(RECIPES["R-MC-LA9"], "heaviest", "none").heaviest is None


@pytest.mark.parametrize(
    ("name", "path", "text", "message"),
    [
        ("M2AT", "direction", "back", "back is none of paper, reversed"),
        ("TLAT", "per", "epoch", "epoch is none of batch, image"),
        ("RobMask", "strength", "1.5", "1.5 is not a share, from 0 to 1"),
        ("RobMask", "strength", "-0.1", "-0.1 is not a number from 0 up"),
        ("RobMask", "strength", "all", "'all' is not a number"),
        ("R-MC-LA", "heaviest", "1.5", "'1.5' is not a whole number"),
        ("CutMix", "chance", "2", "2 is not a share, from 0 to 1"),
        ("AdvProp.2aux", "strengths", "0.5,1.5", "1.5 is not a share, from 0 to 1"),
        ("BN-adv", "points", "0.2,1.5", "1.5 is not a share, from 0 to 1"),
        ("BN-adv", "base", "", "nothing stands after ="),
        ("M2AT", "adversary.stats", "none", "none is none of running, batch, moving"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused_in_one_line(name, path, text, message):
    with pytest.raises(BadInput, match=f"^--set {path}={text}: .*{message}$"):
        override(RECIPES[name], path, text)


# M2AT


def mirror(model: torch.nn.Module, x: Tensor, q: Tensor) -> Tensor:
    """An adversary that moves every pixel by a known amount, 1 - 2x."""
    return 1 - x


def carried(x: Tensor, seed: int = 0, **choices: object) -> tuple[Tensor, Tensor]:
    """The share m of the perturbation at each pixel, (B, H, W), and the mass w of the true class, (B,)."""
    seen = training_pass(M2at(mirror, **choices), x, seed=seed)
    share = (seen.images - x) / (1 - 2 * x)
    assert close(share, share[:, :1].expand_as(share), 1e-9), "one mask for all channels"
    return share[:, 0], seen.labels[range(B), CLASSES]


@pytest.mark.parametrize("corner", ["inside", "border"])
@pytest.mark.parametrize("per", ["batch", "image"])
@pytest.mark.parametrize("seed", range(3))
def test_the_label_is_the_mean_of_the_mask_however_it_is_drawn(corner, per, seed, x):
    m, w = carried(x, seed, corner=corner, per=per)
    assert close(w, m.mean((1, 2)), 1e-9)
    assert len(w.unique()) == (B if per == "image" else 1)
    ends = m.flatten(1).amin(1), m.flatten(1).amax(1)
    assert close(m * (1 - m), (ends[1] * (1 - ends[1])).view(-1, 1, 1).expand_as(m), 1e-9), "lam and 1 - lam"


def test_each_image_has_a_box_of_its_own(x, monkeypatch):
    set_beta_draws(monkeypatch, "m2at", torch.ones(B), torch.linspace(0, 0.75, B))
    corners = iter([torch.arange(B)[:, None], torch.arange(B).flip(0)[:, None]])
    monkeypatch.setattr(torch, "randint", lambda high, size: next(corners))
    m, _ = carried(x, per="image")
    for i, (lam1, top, left) in enumerate(zip(torch.linspace(0, 0.75, B), range(B), reversed(range(B)), strict=True)):
        side = int(8 * (1 - lam1.item()) ** 0.5)
        expected = torch.zeros(8, 8, dtype=torch.float64)
        expected[top : top + side, left : left + side] = 1
        assert close(m[i], expected, 1e-9)


@pytest.mark.parametrize("parts", [{}, {"mask": False}, {"mix": False}])
def test_the_reversed_direction_gives_the_true_class_what_is_not_perturbed(parts, x):
    (m, w), (same, reverse) = (carried(x, 3, direction=way, **parts) for way in ("paper", "reversed"))
    assert torch.equal(m, same)
    assert close(w + reverse, torch.ones(B, dtype=torch.float64))


def test_the_reversed_direction_with_an_empty_box_is_avmixup_from_a_sharp_clean_end(x, monkeypatch):
    """Clean 1, fully adversarial 0."""
    set_beta_draws(monkeypatch, "m2at", 0.3, 1.0)
    m, w = carried(x, direction="reversed")
    assert close(m, torch.full_like(m, 0.7), 1e-9)
    assert close(w, torch.full((B,), 0.3, dtype=torch.float64))


@pytest.mark.parametrize(("at", "corners", "mean"), [("inside", 32, 0.1888), ("border", 33, 0.1775)])
def test_the_mean_area_of_boxes_from_either_range_of_corners(at, corners, mean, monkeypatch):
    """Exact: a side in whole pixels has a known chance, and the extents of the two axes are independent given it."""
    side = (torch.arange(32, dtype=torch.float64) + 0.5) / 32
    chance = (torch.arange(33, dtype=torch.float64) / 32).square().diff()
    extents, asked = [], set()
    for corner in range(corners):
        monkeypatch.setattr(torch, "randint", lambda high, size, c=corner: asked.add(high) or torch.tensor(c))
        extents.append(box(torch.zeros(32, 1, 32, 32, dtype=torch.float64), side, at)[:, 0].amax(2).mean(1))
    assert asked == {corners}
    assert (chance * torch.stack(extents).mean(0).square()).sum().item() == pytest.approx(mean, abs=1e-4)


def test_the_two_copies_of_the_rows_without_mixing_share_the_perturbation(x):
    for seed in range(4):
        (xi, t), (xibar, tbar) = (carried(x, seed, mix=False, unmixed=copy) for copy in ("xi", "xibar"))
        assert set(xi.unique().round(decimals=9).tolist()) <= {0.0, 1.0}
        assert close(xi + xibar, torch.ones_like(xi), 1e-9)
        assert close(t, xi.mean((1, 2)), 1e-9)
        assert close(tbar, 1 - t)


def draw_second(patch: pytest.MonkeyPatch, area: float) -> list[tuple[float, str]]:
    """Let M2AT's second draw be this number, and its first a real one, whose arguments the returned list gets."""
    asked: list[tuple[float, str]] = []

    def fake(alpha: float, like: Tensor, per: str) -> Tensor:
        if asked:
            return like.new_full((len(like),), area)
        asked.append((alpha, per))
        return beta(alpha, like, per)

    patch.setattr("methods.m2at.beta", fake)
    return asked


@pytest.mark.parametrize("per", ["batch", "image"])
def test_a_random_copy_is_either(per, x):
    """A box of at most half the side has at most a quarter of the area: which copy it is can be seen."""
    copies = []
    for seed in range(12):
        with pytest.MonkeyPatch.context() as patch:
            real = draw_second(patch, 0.75)
            m, w = carried(x, seed, mix=False, unmixed="random", per=per)
        assert real == [(1.0, per)]
        assert close(w, m.mean((1, 2)), 1e-9)
        copies.append(m.mean((1, 2)) < 0.5)
    copies = torch.stack(copies)
    assert 0.2 < copies.double().mean() < 0.8
    assert (copies == copies[:, :1]).all() == (per == "batch")


@pytest.mark.parametrize(
    ("rule", "weight"), [("u_mirror", 0.3 * 0.36 + 0.7 * 0.64), ("area1", 0.3), ("independent", 0.36)]
)
def test_the_labels_of_the_row_without_boxes(rule, weight, x, monkeypatch):
    set_beta_draws(monkeypatch, "m2at", 0.3, 0.36)
    m, w = carried(x, mask=False, unmasked=rule)
    assert close(m, torch.full_like(m, 0.3), 1e-9), "lam x_adv + (1 - lam) x, whatever the labels"
    assert close(w, torch.full((B,), weight, dtype=torch.float64))


def test_drawn_smoothing_may_draw_for_each_image(x):
    recipe = DynamicSmoothing(mirror, per="image")
    weights = torch.stack([training_pass(recipe, x, seed=seed).labels[range(B), CLASSES] for seed in range(40)])
    assert len(weights.unique()) == weights.numel()
    assert weights.mean().item() == pytest.approx(0.5, abs=0.08)
    assert close(training_pass(recipe, x, seed=1).labels, smooth(Q, weights[1]))


# TLAT


def test_a_length_for_each_image_is_a_step_and_a_label_for_each(x, monkeypatch):
    part = torch.tensor([0.0, 0.2, 0.5, 0.9, 1.0], dtype=torch.float64)
    aims = torch.tensor([1, 1, 2, 5, 0])
    monkeypatch.setattr(torch, "rand", lambda size: part[:size])
    monkeypatch.setattr("methods.tlat.random_class", lambda q, other: F.one_hot(aims, K).double())
    clean, attacked = training_passes(Tlat(per="image"), x)
    z = x.clone().requires_grad_()
    F.cross_entropy(net().eval()(z), aims, reduction="sum").backward()
    eps = 0.025 * part
    assert close(attacked.images, (x - eps.view(-1, 1, 1, 1) * z.grad.sign()).clamp(0, 1))
    expected = Q.clone()
    for i in range(B):
        expected[i] = (1 - eps[i]) * Q[i]
        expected[i, aims[i]] += eps[i]
    assert close(attacked.labels, expected)
    assert torch.equal(clean.images, x)


def test_the_target_may_leave_out_the_true_class(x):
    true = torch.stack([(training_passes(Tlat(other=True), x, seed=s)[1].labels * Q).sum(1) for s in range(20)])
    assert close(true, true[:, :1].expand_as(true)), "each label gives away the batch's share, and keeps the rest"
    assert true.max() < 1
    kept = torch.stack([(training_passes(Tlat(), x, seed=s)[1].labels * Q).sum(1) for s in range(20)])
    assert (kept == 1).any(), "any class: sometimes the true one"


@pytest.mark.parametrize("count", [5, 4, 2])
def test_a_split_batch_is_half_clean_and_half_attacked(count, x):
    half = (count + 1) // 2
    clean, attacked = training_passes(Tlat(halves="split"), x[:count], Q[:count])
    assert torch.equal(clean.images, x[:half])
    assert torch.equal(clean.labels, Q[:half])
    assert len(attacked.images) == half
    assert (attacked.images - x[count - half : count]).abs().max() <= 0.025


def test_smoothed_labels_may_serve_both_halves(x):
    for label in ("printed", "smooth"):
        clean, attacked = training_passes(Tlat(label=label, both=True), x)
        assert torch.equal(clean.labels, attacked.labels)
        assert not torch.equal(clean.labels, Q)
    for label in ("towards", "hard"):
        assert close(training_passes(Tlat(label=label, both=True), x)[0].labels, Q), (
            "a clean image is on its way nowhere"
        )


def test_without_a_radius_every_choice_is_twice_the_standard_loss(x):
    for choices in ({}, {"per": "image"}, {"other": True}, {"both": True}):
        recipe = replace(scaled(Tlat(**choices), 0.0), moved=0.0)
        assert close(training_passes(recipe, x)[0].loss, 2 * F.cross_entropy(net()(x), CLASSES))
