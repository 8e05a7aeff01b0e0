"""The exam of attacks: its exact method, its questions, and who is told to be wrong."""

import inspect
import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from registered import register_for_test
from torch import nn

from bench.attacks.parse import parse_attack
from bench.attacks.spec import ATTACKS
from bench.core.errors import BadInput
from bench.core.threats.l2 import L2
from bench.evaluation.exam.exact.groups import exact_layers
from bench.evaluation.exam.exact.layers import Interval, Layer, layers_of, logits, pre_activations
from bench.evaluation.exam.exact.nearest import least_margin, nearest_error
from bench.evaluation.exam.examine import check_attack, examine
from bench.evaluation.exam.nets import ARCHITECTURES, MEANINGS, SIDE, WEIGHTS, load_nets
from bench.evaluation.exam.questions import (
    FILE,
    PROVENANCE,
    RATIOS,
    digest_of_exam,
    load_groups,
    load_proofs,
    provenance,
)
from bench.evaluation.exam.scores import score
from bench.evaluation.target import Target
from bench.report.attack_scores.scores import FILE as SCORES
from bench.report.attack_scores.scores import shipped_scores

NODES = 10_000


# the exact method


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def test_of_a_linear_network_the_radius_is_known_in_closed_form(draw):
    weight, x = draw.normal(size=(5, 16)), 0.5 + 0.05 * draw.normal(size=16)
    layers = [Layer(weight, -0.5 * weight.sum(1), "none")]
    z = logits(layers, x)
    y = int(z.argmax())
    others = [k for k in range(5) if k != y]
    norms = np.abs(weight[y] - weight).sum(1)
    radius = min((z[y] - z[k]) / norms[k] for k in others)
    found = nearest_error(layers, x, y, 1.0, NODES)
    assert found.is_proved
    assert found.lower <= radius <= found.upper < radius * 1.001
    assert radius - found.lower < 1e-5
    assert logits(layers, found.image).argmax() == found.target != y
    margin = least_margin(layers, x, y, 0.9 * radius, NODES)
    assert margin == pytest.approx(min(z[y] - z[k] - 0.9 * radius * norms[k] for k in others))


@pytest.mark.parametrize("activation", ["relu", "clamp"])
def test_of_two_pixels_a_grid_finds_nothing_nearer_and_nothing_much_farther(draw, activation):
    layers = [
        Layer(3 * draw.normal(size=(8, 2)), draw.normal(size=8), activation),
        Layer(2 * draw.normal(size=(6, 8)), draw.normal(size=6), activation),
        Layer(draw.normal(size=(3, 6)), np.zeros(3), "none"),
    ]
    ticks = np.linspace(0, 1, 101)
    grid = np.array([*itertools.product(ticks, ticks)])
    layers[-1] = replace(layers[-1], bias=-np.mean([logits(layers, x) for x in grid], 0))  # so that no class has all
    classes = np.array([logits(layers, x).argmax() for x in grid])
    assert len({*classes}) > 1
    for x in ([0.3, 0.6], [0.9, 0.2], [0.5, 0.5]):
        y = int(logits(layers, np.array(x)).argmax())
        nearest = np.abs(grid[classes != y] - x).max(1).min()
        found = nearest_error(layers, np.array(x), y, 1.0, NODES)
        assert found.is_proved
        assert found.lower <= nearest <= found.upper + 0.01
        assert np.abs(found.image - x).max() == found.upper


def test_layers_in_float64_compute_what_the_network_does_and_stay_within_their_bounds(draw):
    for name, net in load_nets().items():
        layers = layers_of(net, (1, SIDE, SIDE))
        x = draw.random(SIDE**2)
        with torch.no_grad():
            wanted = net.double()(torch.from_numpy(x).view(1, 1, SIDE, SIDE))[0].numpy()
        assert np.allclose(logits(layers, x), wanted), name
        box = Interval((x - 0.1).clip(0, 1), (x + 0.1).clip(0, 1))
        for bounds in pre_activations(layers, box):
            assert (bounds.low <= bounds.high).all()
        for _ in range(20):
            inside = draw.uniform(box.low, box.high)
            (first, *_), h = pre_activations(layers, box), layers[0].weight @ inside + layers[0].bias
            assert ((first.low <= h + 1e-9) & (h <= first.high + 1e-9)).all()


def test_a_network_with_another_layer_is_refused():
    with pytest.raises(BadInput, match="Sigmoid is no layer"):
        layers_of(nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Sigmoid()), (1, 2, 2))


# the questions


def test_the_exam_has_enough_questions_of_both_kinds_and_is_small():
    groups = load_groups()
    questions = sum(len(group.net.images) for group in groups)
    exist = sum(len(group.net.images) for group in groups if group.exists)
    assert questions >= 300
    assert min(exist, questions - exist) >= 100
    assert {group.net.name for group in groups} == {*ARCHITECTURES} == {*MEANINGS}
    assert {*(group.ratio for group in groups)} == {*RATIOS}
    assert sum(path.stat().st_size for path in (FILE, WEIGHTS, PROVENANCE)) < 500_000
    quick = load_groups(quick=True)
    assert len(quick) == len(RATIOS) * len(ARCHITECTURES) < len(groups)


def test_every_error_that_exists_is_stored_and_can_be_looked_at():
    for net, proof in load_proofs():
        x, y, errors = net.images.x, net.images.y, proof.errors
        assert errors.min() >= 0
        assert errors.max() <= 1
        distances = (errors.double() - x.double()).abs().flatten(1).amax(1)
        assert torch.equal(distances, torch.from_numpy(proof.upper))
        assert (proof.lower <= proof.upper).all()
        assert (proof.upper < proof.lower * 1.002).all()
        assert (net.exact(errors.double()).argmax(1) != y).all()
        for model in (net.model(), net.exact):
            kind = next(model.parameters()).dtype
            assert (model(x.to(kind)).argmax(1) == y).all()


def test_the_hard_networks_are_hard_in_the_way_that_is_told():
    proofs = load_proofs()
    for net, proof in proofs:
        x, y = net.images.x.clone().requires_grad_(), net.images.y
        logit = net.model()(x)
        (slope,) = torch.autograd.grad(nn.functional.cross_entropy(logit, y, reduction="sum"), x)
        if net.name == "saturated":
            assert not slope.any()
        if net.name == "other-class":
            runner_up = logit.scatter(1, y[:, None], -torch.inf).argmax(1)
            assert (net.exact(proof.errors.double()).argmax(1) != runner_up).all()
    flat = [(net.images.x, net.model()) for net, _ in proofs if net.name == "flat"]
    x, model = torch.cat([x for x, _ in flat]), flat[0][1]
    hidden = nn.functional.linear(x.flatten(1), model[1].weight, model[1].bias)
    assert ((hidden <= 0) | (hidden >= 1)).float().mean() > 0.8


def test_an_exact_radius_is_what_the_method_gives_again():
    """Of an image that was moved, whose distance follows from that of the image before."""
    net, proof = load_proofs()[0]
    x, y = net.images.x[0].flatten().double().numpy(), int(net.images.y[0])
    found = nearest_error(exact_layers(net.name, net.exact), x, y, float(proof.upper[0]) * 1.05, NODES)
    assert found.is_proved
    assert found.lower <= proof.upper[0]
    assert proof.lower[0] <= found.upper


def test_the_provenance_says_how_the_questions_were_made():
    told = provenance()
    assert told["ratios"] == [*RATIOS]
    assert {*told["versions"]} == {"python", "numpy", "scipy", "torch"}
    for name, numbers in told["networks"].items():
        images = sum(len(net.images) for net, _ in load_proofs() if net.name == name)
        assert numbers["images_used"] == images
        assert numbers["least_margin_at_0.98"] > 0
        assert numbers["images_solved"] >= images + numbers["not_proved_within_the_limits"]


# attacks


@pytest.fixture
def register(monkeypatch):
    """Register an attack for one test."""

    def add(function):
        register_for_test(monkeypatch, ATTACKS, function.__name__, function)
        return parse_attack(function.__name__)

    return add


@pytest.fixture(scope="module")
def errors():
    """The stored error of every image of the exam."""
    pairs = [pair for net, proof in load_proofs() for pair in zip(net.images.x, proof.errors, strict=True)]
    return {x.numpy().tobytes(): error for x, error in pairs}


def test_an_attack_that_knows_the_errors_finds_all_and_breaks_nothing(register, errors):
    def oracle(model, x, y, threat):
        border = torch.stack([errors[image.numpy().tobytes()] for image in x])
        found = (x + 1.01 * (border - x)).clamp(0, 1)  # in float32 the border itself may be on either side
        return torch.where(((found - x).abs().flatten(1).amax(1) <= threat.eps).view(-1, 1, 1, 1), found, x)

    result = score(examine(register(oracle), load_groups()), "")
    assert (result.found, result.broken, result.verdict) == (result.exist, 0, "ok")
    assert result.radius == pytest.approx(1.01, abs=1e-3)


@pytest.mark.parametrize(
    ("cheat", "verdict"),
    [
        (lambda model, x, found: found, r"invalid: left the ball \((\d+) questions\)"),
        (lambda model, x, found: x + 1.5 * (x > 0.9) - 1.5 * (x < 0.1), r"left the (ball|range)"),
        (lambda model, x, found: x.flatten(1), r"failed: attack cheating returned shape"),
        (lambda model, x, found: x * torch.nan, r"failed: attack cheating returned pixels that are not finite"),
        (lambda model, x, found: 1 / 0, r"failed: attack cheating stopped, ZeroDivisionError"),
    ],
)
def test_an_attack_that_cheats_is_invalid_and_says_where(register, errors, cheat, verdict):
    def cheating(model, x, y, threat):
        found = torch.stack([errors[image.numpy().tobytes()] for image in x])
        return cheat(model, x, found)

    result = score(examine(register(cheating), load_groups(quick=True)), "")
    assert not result.is_valid
    assert re.search(verdict, result.verdict), result.verdict


def test_an_attack_that_leaves_the_range_alone_is_told_so(register):
    def dark(model, x, y, threat):
        return x - threat.eps

    result = score(examine(register(dark), load_groups(quick=True)), "")
    assert result.verdict.startswith("invalid: left the range [0, 1] (")
    assert result.found == 0


def test_an_attack_that_changes_the_judge_is_told_so(register):
    def bribe(model, x, y, threat):
        (judge,) = {
            frame.frame.f_locals["self"].model
            for frame in inspect.stack()
            if isinstance(frame.frame.f_locals.get("self"), Target)
        }
        judge.forward = lambda z: -nn.Sequential.forward(judge, z)
        return x

    result = score(examine(register(bribe), load_groups(quick=True)), "")
    assert result.found == 0
    assert not result.is_valid
    assert "new copy of the network gets the image right" in result.verdict, result.verdict


def test_what_has_no_answers_is_refused():
    with pytest.raises(BadInput, match="attack CW-L2 measures distances in L2, and the exam"):
        check_attack(parse_attack("CW-L2"))
    with pytest.raises(BadInput, match="answers for Linf alone, and none for L2"):
        check_attack(parse_attack("FGSM"), L2)


def test_a_minimum_norm_attack_is_called_once_for_all_radii():
    groups = load_groups(quick=True)
    attack = parse_attack("FMN-Linf")
    found = examine(attack, groups)
    result = score(found, "")
    steps, images = dict(attack.settings)["steps"], sum(len(group.net.images) for group in groups) / len(RATIOS)
    assert found.backwards == steps * images
    assert (result.broken, result.verdict) == (0, "ok")
    for answer in found.answers:
        assert answer.broken <= (answer.distance <= answer.ratio * 1.001)
    assert result.radius > 1 - 1e-3


def test_a_seed_changes_draws_and_is_asked_once_each():
    groups = load_groups(quick=True)[:3]
    one, two = (examine(parse_attack("PGD-5"), groups, seeds) for seeds in ((0,), (0, 1)))
    assert [answer for answer in two.answers if answer.seed == 0] == one.answers
    assert len(two.answers) == 2 * len(one.answers)
    distances = [[a.distance for a in two.answers if a.seed == seed] for seed in (0, 1)]
    assert distances[0] != distances[1]


@pytest.mark.parametrize("name", ["FGSM", "PGD-20"])
def test_shipped_scores_are_what_the_exam_gives_today(name):
    """Up to two questions, which may be decided by rounding on another processor."""
    attack = parse_attack(name)
    now, shipped = score(examine(attack, load_groups()), digest_of_exam()), shipped_scores()[name, attack.params]
    assert abs(now.found - shipped.found) <= 2
    assert (now.exist, now.broken, now.verdict) == (shipped.exist, 0, "ok")
    assert now.radius == pytest.approx(shipped.radius, abs=0.01)
    assert f",{now.exam}," in SCORES.read_text(encoding="utf-8")
