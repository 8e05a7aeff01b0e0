"""Attacks in L1: against linear models, the package's AutoAttack, images outside the ball, and rows of commands."""

import math
from pathlib import Path

import pyautoattack
import pytest
import torch
from linear_models import check, linear

from bench.attacks.parse import parse_attack
from bench.core.errors import BadInput, Failed
from bench.core.rng import fixed_seed
from bench.core.threats.l1 import L1
from bench.core.threats.lengths import tolerance
from bench.data.images import Images
from bench.data.loader import to_float
from bench.data.lookup import dataset
from bench.evaluation.adversarial_set import round_perturbations
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.evaluator import outcomes
from bench.models.build import build
from bench.results.load import load_results

BASELINE = Path(__file__).parents[1] / "baseline/digits/cnn/PGD-AT/s0-6bee601e"
ASCENTS = [
    "FGSM",
    "PGD-20",
    "CW-20",
    "PGD-20.last",
    "PGD-20[restarts=2]",
    "PGD-20[start=unclipped]",
    "PGD-MC",
    "MI-FGSM",
]


@pytest.mark.parametrize("attack", ASCENTS)
@pytest.mark.parametrize("eps", [0.05, 0.12])
def test_two_classes_are_exact(attack, eps):
    """The best change is of the one pixel with the largest difference of weights."""
    model, images = linear(2, 200)
    _, robust = check(model, images, attack, L1(eps))
    assert 20 < robust.sum() < 180


@pytest.mark.parametrize("attack", ["CW-20", "MultiTarget"])
def test_no_attack_breaks_what_cannot_be_broken(attack):
    model, images = linear(5, 200)
    right = torch.from_numpy(outcomes(model, images, Attacked(parse_attack(attack), L1(0.1))).right)
    radius = model.radius(images.x, images.y, L1(0.1))
    assert right[radius > 0.1 * 1.0001].all()
    assert not right[radius < 0].any()
    assert (right & (radius < 0.1)).float().mean() < 0.05


@pytest.fixture(scope="module")
def small():
    """An untrained cnn, and images labelled with its own predictions."""
    data = dataset("digits", Path())
    with fixed_seed("small"):
        model = build("cnn", data).eval().requires_grad_(False)
    x = to_float(data.load("test", Path(), 8).x)
    return model, x, model(x).argmax(1)


SLOW = ("APGD-T", "FAB-T", "AutoAttack")
PARTS = {"APGD-CE": "apgd-ce", "APGD-DLR": "apgd-dlr", "APGD-T": "apgd-t", "FAB-T": "fab-t", "Square": "square"}


@pytest.mark.usefixtures("short_autoattack")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in (*PARTS, "AutoAttack")]
)
def test_autoattack_and_its_parts_are_those_of_the_package(small, name):
    model, x, y = small
    threat = L1(0.6)
    with fixed_seed("here"):
        ours = parse_attack(name)(model, x, y, threat)
    with fixed_seed("here"):
        direct = pyautoattack.AutoAttack(model, eps=threat.eps, norm="L1", seed=int(torch.randint(2**31, ())))
        direct.attacks_to_run = [PARTS[name]] if name in PARTS else direct.attacks_to_run
        theirs, _ = direct.run_standard_evaluation(x, y, batch_size=8)
    assert (ours - theirs).abs().max() < 1e-5
    assert (ours != x).any()
    assert (threat.distance(ours, x) <= threat.eps + tolerance(threat.eps)).all()


def test_what_square_cannot_tile_is_refused():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 5)).requires_grad_(False)
    x = torch.rand(4, 1, 4, 4)
    condition = Attacked(parse_attack("Square[block=4]"), L1(0.1))
    with pytest.raises(BadInput, match="Square cannot tile images of 4 x 4 pixels in L1; leave it out, or take Linf"):
        outcomes(model, Images(x, model(x).argmax(1)), condition)


def test_an_image_outside_the_ball_is_found_out():
    x = torch.full((2, 1, 4, 4), 0.5)
    condition = Attacked(parse_attack("PGD-5"), L1(0.4))
    beyond = x.clone()
    beyond[0, 0, 0] += 0.1
    condition.check(beyond, x)
    beyond[0, 0, 0, 0] += 0.01
    with pytest.raises(Failed, match=r"left L1\(eps=0.4\): 1 of 2 images are outside, the farthest at 0.41"):
        condition.check(beyond, x)


def test_stored_perturbations_stay_in_the_ball():
    x, threat = torch.rand(6, 3, 8, 8), L1(2.0)
    with fixed_seed("stored"):
        x_adv = threat.project(x + torch.randn_like(x), x)
    steps, units = round_perturbations(x_adv, x, threat, 127)
    stored = x + steps * units.view(-1, 1, 1, 1)
    assert (threat.distance(stored, x) <= threat.eps + tolerance(threat.eps)).all()
    assert (stored - x_adv).abs().max() < 0.01


@pytest.mark.slow
def test_rows_of_radii_and_of_a_sweep(bench, tmp_path):
    ask = ("eval", "--model", str(BASELINE), "--limit", "30", "--norm", "L1", "--attacks")
    code, out, err = bench(*ask, "FGSM,PGD-5,FMN-L1[steps=20]", "--eps", "1,2", "--results", "balls", "--save-adv")
    assert code == 0, err
    rows = load_results(tmp_path / "balls").query("kind == 'attack'")
    assert set(rows["norm"]) == {"L1"}
    pgd = rows[rows["name"] == "PGD-5"].set_index("eps")["value"]
    clean = load_results(tmp_path / "balls").query("kind == 'clean'")["value"].item()
    assert clean > pgd[1] > pgd[2]
    assert set(rows.query("name == 'FMN-L1' and metric == 'accuracy'")["eps"]) == {1, 2, math.inf}
    code, out, err = bench("verify", "balls")
    assert code == 0, out + err
    assert "PGD-5 L1 2" in out
    code, _, err = bench(*ask, "PGD-5", "--sweep", "0,1,2,4", "--results", "curve")
    assert code == 0, err
    curve = load_results(tmp_path / "curve").query("kind == 'sweep' and metric == 'accuracy'").set_index("eps")["value"]
    assert curve.is_monotonic_decreasing
    assert curve[0] == clean


@pytest.mark.parametrize(
    ("options", "why"),
    {
        "--norm L1": "--norm L1 needs --eps, as digits has a default for Linf only",
        "--norm L1 --eps 65": "--eps 65 is not a L1 radius on digits: above 0, at most 64",
    }.items(),
)
def test_bad_radii_are_one_line(bench, options, why):
    code, _, err = bench("run", "--methods", "Standard", "--attacks", "FGSM", *options.split())
    assert (code, err.count("\n")) == (2, 1), err
    assert why in err
