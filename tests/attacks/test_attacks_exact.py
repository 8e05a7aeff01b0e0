"""Attacks against linear models, whose robust accuracy is known in closed form, and `search` against a plain loop."""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pyautoattack.square
import pytest
import torch
import torch.nn.functional as F
from linear_models import NEAR, Wavy, check, linear
from registered import register_for_test
from torch import nn

from bench.attacks.autoattack import square_tiles
from bench.attacks.parse import parse_attack
from bench.attacks.searches.ascent import Ascent
from bench.attacks.searches.search import batch_limit, search
from bench.attacks.spec import ATTACKS
from bench.core.errors import BadInput, UnknownName
from bench.core.losses import cross_entropy, margin
from bench.core.rng import image_rows, image_stream
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.data.loader import to_float
from bench.data.lookup import dataset
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.evaluator import outcomes
from bench.models.build import build
from bench.report.audit.attack_outcome import AttackOutcome
from bench.runner.grid import has_several_steps

OWN = ["FGSM", "PGD-20", "CW-20", "PGD-20.last", "CW-20.last", "PGD-20[restarts=2]", "PGD-20[start=unclipped]"]
LONG = ("AutoAttack+", "AutoAttack-rand", "AutoAttack.screened", "CW-L2")
TARGETED = ["MC", "LL", "MC.last", "PGD-MC", "PGD-LL", "PGD-LL[steps=20]", "PGD-MC[restarts=2]"]


def test_an_attack_says_of_itself_what_it_costs_and_whether_it_uses_gradients(monkeypatch):
    def queries(model, x, y, threat, *, tries: int = 50):
        return x

    queries.black_box, queries.passes = True, lambda settings: settings["tries"]
    register_for_test(monkeypatch, ATTACKS, "queries", queries)
    spec = parse_attack("queries[tries=70]")
    assert (spec.black_box, spec.passes, has_several_steps(spec)) == (True, 70, False)
    assert json.loads(spec.params) == {"black_box": True, "tries": 70}
    right = np.ones(3, bool)
    assert AttackOutcome("queries", spec.name, spec.params, right).black_box
    assert AttackOutcome("Square", "Square", parse_attack("Square").params, right).black_box
    assert not AttackOutcome("PGD-20", "PGD-20", parse_attack("PGD-20").params, right).black_box
    steps = {"FGSM": 3, "PGD-20[restarts=2]": 120, "CW-20": 60, "MultiTarget": 9 * 60, "Square": 5000}
    assert {text: parse_attack(text).passes for text in steps} == steps
    assert [name for name in ATTACKS if parse_attack(name).black_box] == ["Square", "queries"]
    assert "black_box" not in parse_attack("Square").params  # its rows are older than the word


class Seen(nn.Module):
    """A model that records every batch it is called with."""

    def __init__(self, model):
        super().__init__()
        self.model, self.batches = model, []

    def forward(self, x):
        self.batches.append(x.detach().clone())
        return self.model(x)


@pytest.mark.parametrize("attack", [*OWN, "FGSM.last", *TARGETED])
@pytest.mark.parametrize("eps", [0.002, 0.006, 0.012, 0.2])
def test_two_classes_under_linf_are_exact(attack, eps):
    model, images = linear(2, 300)
    _, robust = check(model, images, attack, Linf(eps))
    assert (eps == 0.2) == (robust.sum() == 0)


@pytest.mark.parametrize("attack", OWN)
@pytest.mark.parametrize("eps", [0.02, 0.06, 0.12])
def test_two_classes_under_l2_are_exact(attack, eps):
    model, images = linear(2, 300)
    _, robust = check(model, images, attack, L2(eps))
    assert 0 < robust.sum() < 300


@pytest.mark.parametrize("attack", [name for name in OWN if not name.startswith("CW")])
def test_classes_with_pixels_of_their_own_are_exact_under_linf(attack):
    """One perturbation is the worst for every wrong class at once, so that untargeted ascent finds it."""
    model, images = linear(6, 300, disjoint=True)
    _, robust = check(model, images, attack, Linf(0.01))
    assert 20 < robust.sum() < 250


@pytest.mark.parametrize("attack", ["R-FGSM", "R-MC", "R-LL"])
def test_a_step_from_a_random_start_is_a_step_and_a_projection(attack):
    """On a linear model with two classes, the perturbation that such a step reaches is known for each pixel."""
    model, images = linear(2, 300)
    x, y, threat = images.x, images.y, Linf(0.01)
    with image_stream(range(300), "here"):
        x_adv = parse_attack(attack + ".last")(model, x, y, threat)
    with image_stream(range(300), "here"), image_rows(list(range(300)), [0] * 300):
        start = Ascent(threat, 1, threat.eps, "unclipped").first(x)
    ahead = (model.weight[1 - y] - model.weight[y]).sign().view_as(x)
    assert torch.allclose(x_adv, (start + 0.01 * ahead).clamp(x - 0.01, x + 0.01).clamp(0, 1), atol=1e-12)


def test_targets_are_the_most_and_the_least_likely_wrong_class():
    model, images = linear(5, 300)
    x, y = images.x, images.y
    wrong = model(x).scatter(1, y[:, None], torch.nan)
    for attack, goal in {
        "MC": wrong.nan_to_num(-torch.inf).argmax(1),
        "LL": wrong.nan_to_num(torch.inf).argmin(1),
    }.items():
        x_grad = x.clone().requires_grad_()
        F.cross_entropy(model(x_grad), goal, reduction="sum").backward()
        want = (x - 0.006 * x_grad.grad.sign()).clamp(0, 1)
        assert torch.allclose(parse_attack(attack + ".last")(model, x, y, Linf(0.006)), want)


class Leaking(nn.Module):
    """A linear model whose gradient points the wrong way, as label leaking makes it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(2 * x.detach() - x)


def test_the_last_iterate_is_scored_whatever_the_clean_image_gave():
    model, images = linear(2, 300)
    leaking = Leaking(model)
    clean, fgsm, last = (
        outcomes(leaking, images, condition).right.mean()
        for condition in (
            Clean(),
            Attacked(parse_attack("FGSM"), Linf(0.006)),
            Attacked(parse_attack("FGSM.last"), Linf(0.006)),
        )
    )
    assert fgsm == clean < last


@pytest.mark.parametrize("threat", [Linf(0.006), L2(0.06)])
@pytest.mark.parametrize("attack", ["FGSM", "PGD-20", "CW-20", "MC", "LL", "PGD-MC", "PGD-LL"])
def test_no_attack_breaks_what_cannot_be_broken(attack, threat):
    model, images = linear(5, 300)
    right = torch.from_numpy(outcomes(model, images, Attacked(parse_attack(attack), threat)).right)
    radius = model.radius(images.x, images.y, threat)
    assert right[radius > threat.eps * (1 + NEAR)].all()
    assert not right[radius < 0].any()
    if attack == "CW-20":  # which climbs towards the nearest wrong class; others may follow a farther one
        assert (right & (radius < threat.eps)).float().mean() < 0.05


@pytest.mark.parametrize("threat", [Linf(1e-9), L2(1e-9)])
def test_a_vanishing_ball_leaves_clean_accuracy(threat):
    model, images = linear(2, 100)
    clean = outcomes(model, images, Clean()).right
    assert (outcomes(model, images, Attacked(parse_attack("PGD-5"), threat)).right == clean).all()
    assert clean.sum() == 90


@pytest.mark.slow
@pytest.mark.usefixtures("short_autoattack")
@pytest.mark.parametrize("threat", [Linf(0.006), L2(0.06)], ids=["Linf", "L2"])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_autoattack_is_exact(classes, threat):
    model, images = linear(classes, 20, torch.float32)
    outcome, robust = check(model, images, "AutoAttack[block=20]", threat)
    assert 0 < robust.sum() < 20
    left_out = f"suspect: no APGD-T with {classes} classes (20 of 20 images)"
    assert outcome.verdict == (left_out if classes < 4 else "ok")


class FewQueries(pyautoattack.square.SquareAttack):
    n_queries = property(lambda self: 3, lambda self, queries: None)


@pytest.mark.parametrize("height", [3, 4, 5, 8, 11, 12, 13, 14, 19, 28])
@pytest.mark.parametrize("wider", [0, 7])
def test_square_in_l2_is_asked_for_images_that_it_can_tile(height, wider):
    shape = (1, height, height + wider)
    model = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 3))
    x = torch.rand(2, *shape)
    package = FewQueries(model, eps=1e-6, norm="L2", n_restarts=1, seed=0, device="cpu")
    if square_tiles(*shape[1:]):
        assert package.perturb(x, model(x).argmax(1)).shape == x.shape
    else:
        with pytest.raises((ZeroDivisionError, RuntimeError)):
            package.perturb(x, model(x).argmax(1))


@pytest.mark.usefixtures("short_autoattack")
def test_what_square_cannot_tile_in_l2_is_left_out_with_a_word():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5)).requires_grad_(False)
    x = torch.rand(4, 1, 4, 4)
    images, block = Images(x, model(x).argmax(1)), "[block=4]"
    outcome = outcomes(model, images, Attacked(parse_attack(f"AutoAttack{block}"), L2(4.0)))
    assert outcome.verdict == "suspect: no SQUARE in L2 on 4 x 4 pixels (4 of 4 images)"
    alone = parse_attack(f"Square{block}")
    with pytest.raises(BadInput, match="attack Square: the package's Square cannot tile images of 4 x 4 pixels in L2"):
        outcomes(model, images, Attacked(alone, L2(0.01)))
    assert outcomes(model, images, Attacked(alone, Linf(0.01))).verdict == "ok"


def plain(model, ascent, loss, x, y, i, restarts, last):
    """What `search` should return for image i, computed for one image, restart and step at a time."""
    x, y = x[i : i + 1], y[i : i + 1]
    for restart in range(restarts):
        with image_rows([i], [restart]):
            x_adv = ascent.first(x)
        for step in range(ascent.steps + 1):
            looked_at = (step == ascent.steps or not last) and (step > 0 or ascent.start != "unclipped")
            if looked_at and model(x_adv).argmax(1) != y:
                return x_adv
            if step < ascent.steps:
                z = x_adv.detach().requires_grad_()
                (grad,) = torch.autograd.grad(loss(model(z), y).sum(), z)
                x_adv = ascent.step(z.detach(), grad, x)
    return x_adv


@pytest.fixture(scope="module")
def wavy():
    torch.manual_seed(0)
    model = Wavy().double()
    x = torch.rand(40, 1, 8, 8, dtype=torch.float64)
    y = model(x).argmax(1)
    y[:4] = (y[:4] + 1) % 4
    return model, x, y


@pytest.mark.parametrize("start", ["random", "unclipped", "clean"])
@pytest.mark.parametrize(("threat", "step"), [(Linf(0.001), 0.0003), (Linf(0.01), 0.01), (L2(0.005), 0.002)])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("restarts", [1, 3])
def test_search_equals_a_plain_loop(wavy, start, threat, step, last, restarts):
    model, x, y = wavy
    ascent = Ascent(threat, 4, step, start)
    with image_stream(range(100, 140), "here"):
        want = torch.cat([plain(model, ascent, margin, x, y, i, restarts, last) for i in range(len(x))])
        for count in (7, 64):
            with batch_limit(count):
                got = search(model, ascent, margin, x, y, restarts=restarts, last=last)
            assert (got - want).abs().max() < 1e-9
    broken = model(want).argmax(1) != y
    assert broken.sum() > 20
    assert threat.eps == 0.01 or not broken.all()


@pytest.mark.parametrize("loss", [cross_entropy, margin])
def test_the_last_iterate_is_that_of_the_ascent(wavy, loss):
    model, x, y = wavy
    ascent = Ascent(Linf(0.02), 6, 0.005)
    with image_stream(range(40), "here"):
        x0 = ascent.first(x)
        got = search(model, ascent, loss, x, y, last=True)
    want = ascent.maximise(lambda z: loss(model(z), y), x, x0)
    assert torch.equal(got, want)


def test_order_changes_no_draw_and_no_iterate(wavy):
    model, x, y = wavy
    ids = list(range(40))
    mixed = torch.randperm(40)
    ascent = Ascent(Linf(0.01), 4, 0.003)
    with image_stream(ids, "here"):
        straight = search(model, ascent, margin, x, y, restarts=2)
    with image_stream([ids[i] for i in mixed], "here"), batch_limit(9):
        shuffled = search(model, ascent, margin, x[mixed], y[mixed], restarts=2)
    assert (shuffled - straight[mixed]).abs().max() < 1e-9


@pytest.mark.parametrize(
    ("threat", "step", "strict"),
    [(Linf(0.01), "1eps", ("last 1", "any 1")), (Linf(0.01), "1eps", ("last 1", "last 4")),
     (L2(0.005), "0.333eps", ("any 1", "any 4"))],
)  # fmt: skip
def test_neither_any_iterate_nor_restarts_ever_weaken_an_attack(wavy, threat, step, strict):
    model, x, y = wavy
    right = {}
    for which in ("any", "last"):
        for restarts in (1, 4):
            text = f"PGD-4{'.last' * (which == 'last')}[step={step},restarts={restarts}]"
            right[f"{which} {restarts}"] = outcomes(model, Images(x, y), Attacked(parse_attack(text), threat)).right
    for weaker, stronger in [("last 1", "any 1"), ("any 1", "any 4"), ("last 1", "last 4"), ("last 4", "any 4")]:
        assert (right[stronger] <= right[weaker]).all()
    weaker, stronger = strict
    assert right[stronger].sum() < right[weaker].sum()


def test_each_restart_starts_elsewhere():
    model, images = linear(2, 10)
    model.bias.data[0] += 1000  # class 0, whatever happens
    seen, y = Seen(model), torch.zeros(10, dtype=torch.int64)
    ascent = Ascent(Linf(0.05), 1, 0.01)
    with image_stream(range(10), "here"):
        search(seen, ascent, margin, images.x, y, restarts=3)
        wanted = []
        for restart in range(3):
            with image_rows(range(10), [restart] * 10):
                wanted.append(ascent.first(images.x))
    starts = seen.batches[::2]  # behind each but the last, the iterate that its one step made
    assert len(starts) == 3
    for start, want in zip(starts, wanted, strict=True):
        assert torch.equal(start, want)
    assert all((a != b).all() for a, b in [(starts[0], starts[1]), (starts[0], starts[2]), (starts[1], starts[2])])


@pytest.mark.parametrize("start", ["clean", "random", "unclipped"])
def test_where_an_attack_starts(start):
    model, _ = linear(2, 1)
    x, y = torch.zeros(5, 1, 8, 8, dtype=torch.float64), torch.zeros(5, dtype=torch.int64)
    model.bias.data[0] += 1000
    seen = Seen(model)
    x_adv = parse_attack(f"CW-3[start={start}]")(seen, x, y, Linf(0.1))
    first = seen.batches[0]
    assert torch.equal(first, x) == (start == "clean")
    assert bool((first < 0).any()) == (start == "unclipped")
    assert first.abs().max() <= 0.1
    assert all(later.min() >= 0 for later in seen.batches[1:])
    assert x_adv.min() >= 0


@pytest.mark.parametrize(
    ("step", "length"), [("0.5eps", 0.05), ("1/4eps", 0.025), ("2/255", 2 / 255), ("0.0078", 0.0078), ("3eps", 0.1)]
)
@pytest.mark.parametrize("threat", [Linf(0.1), L2(0.1)])
def test_a_step_is_a_share_of_eps_or_in_pixel_units(step, length, threat):
    model, images = linear(2, 10)
    model.bias.data[0] += 1000
    y = torch.zeros(10, dtype=torch.int64)
    x_adv = parse_attack(f"CW-1[start=clean,step={step}]")(model, images.x, y, threat)
    assert (threat.distance(x_adv, images.x) - length).abs().max() < 1e-6


def test_params_have_one_spelling():
    a = parse_attack("PGD-20[step=2/255,restarts=5,start=unclipped]")
    b = parse_attack("PGD-20[start=unclipped,restarts=5,step=4/510]")
    assert a == b
    assert a.params == b.params
    assert json.loads(a.params) == {
        "steps": 20, "step": repr(2 / 255), "restarts": 5, "start": "unclipped", "loss": "ce", "last": False
    }  # fmt: skip
    assert parse_attack("PGD-20[step=1/4eps]") == parse_attack("PGD-20[step=0.25eps]") == parse_attack("PGD-20")


def test_params_tell_apart_what_differs():
    names = ["PGD-20", "PGD-10", "PGD-20.last", "CW-20", "PGD-20[restarts=2]", "PGD-20[step=0.5eps]"]
    assert len({parse_attack(name).params for name in names}) == len(names)
    assert json.loads(parse_attack("CW-20.last").params)["last"] is True
    assert json.loads(parse_attack("CW-20").params)["loss"] == "margin"


def test_params_of_a_foreign_attack_name_its_package_and_its_block():
    spec = parse_attack("AutoAttack[block=64]")
    assert json.loads(spec.params) == {"block": 64, "package": "pyautoattack 0.2.0"}
    assert spec.block == 64
    assert parse_attack("AutoAttack").block == 128
    assert parse_attack("PGD-20").block is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PGD", "did you mean PGD-k"),
        ("AutoAtack", "did you mean AutoAttack"),
        ("PGD-0", "no attack named 'PGD-0'"),
        ("PGD-20[stps=3]", "has no setting 'stps'; "),
        ("PGD-20[strt=clean]", "has no setting 'strt' to change; did you mean start"),
        ("PGD-20[steps=3]", "has no setting 'steps' to change"),
        ("CW-20[loss=ce]", "has no setting 'loss' to change"),
        ("PGD-20[last=true]", "has no setting 'last' to change"),
        ("FGSM[step=1]", "it has none"),
        ("PGD-20[restarts]", "has 'restarts' where setting=value belongs"),
        ("PGD-20[restarts=2", "is not of the form"),
        ("PGD-20[restarts=two]", "restarts=two is not a whole number"),
        ("PGD-20[step=0]", "step=0 is not a"),
        ("PGD-20[step=-1/255]", "step=-1/255 is not a"),
        ("PGD-20[step=2/0]", "step=2/0 is not a"),
        ("PGD-20[step=nan]", "step=nan is not a"),
        ("AutoAttack.last", "AutoAttack has no last iterate to score"),
    ],
)
def test_what_is_no_attack_is_refused_in_one_line(text, message):
    with pytest.raises(BadInput) as caught:
        parse_attack(text)
    assert message.replace("stps'; ", "stps' to change; did you mean step") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_attack_is_an_unknown_name():
    with pytest.raises(UnknownName):
        parse_attack("PGDD-20")


@pytest.mark.parametrize(
    ("text", "why"),
    {
        "PGD-3[restarts=0]": "restarts=0 is below 1",
        "PGD-3[start=zero]": "start=zero is none of random, unclipped, clean",
        "PGD-3[loss=cw]": "loss=cw is none of ce, margin|has no setting 'loss'",
        "AutoAttack[block=-5]": "block=-5 is below 1",
    }.items(),
)
def test_settings_out_of_range_are_refused_before_anything_runs(text, why):
    with pytest.raises(BadInput, match=why):
        parse_attack(text)


def test_every_listed_attack_can_be_parsed():
    for name in ATTACKS.all_names():
        assert parse_attack(name.removesuffix("-k") + ("-3" if name.endswith("-k") else "")).settings is not None


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in ATTACKS.all_names()]
)
def test_every_registered_attack_breaks_only_images_that_can_be_broken(name, short_autoattack):
    """That images stay in the ball and in [0, 1] need no check here: the evaluator raises otherwise."""
    attack = parse_attack(name.removesuffix("k") + "3" if name.endswith("-k") else name)
    model, images = linear(10, 4, torch.float32)
    threat = Linf(float(model.radius(images.x, images.y, Linf(1.0)).median()))
    if attack.minimal:
        threat = attack.space
    right = torch.from_numpy(outcomes(model, images, Attacked(attack, threat)).right)
    radius = model.radius(images.x, images.y, threat)
    assert not right[radius < 0].any(), "an image that is misclassified when clean is never robust"
    assert right[radius > (1 + NEAR) * threat.eps].all()


def test_own_attacks_know_no_other_draws_than_those_of_the_images():
    model, images = linear(2, 50)
    condition = Attacked(parse_attack("PGD-1[step=0.001]"), Linf(0.006))
    a, b, other = (outcomes(model, images, condition, seed=seed).right for seed in (0, 0, 1))
    assert (a == b).all()
    assert (a != other).any()


def test_pgd_from_the_image_equals_that_of_torchattacks_image_by_image():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        from torchattacks import PGD
    torch.manual_seed(0)
    data = dataset("digits", Path())
    model, images = build("cnn", data).eval(), data.load("test", Path(), 100)
    x = to_float(images.x)
    theirs = PGD(model, eps=0.2, alpha=0.05, steps=10, random_start=False)(x, images.y)
    ours = parse_attack("PGD-10.last[start=clean,step=0.05]")(model, x, images.y, Linf(0.2))
    assert (ours - theirs).abs().max() < 1e-6
