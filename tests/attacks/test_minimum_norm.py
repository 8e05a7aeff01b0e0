"""FMN and DDN: distances against closed forms and another package, random numbers, and rows that come of one run."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from linear_models import Linear, linear

from bench.attacks.parse import parse_attack
from bench.core.errors import BadInput
from bench.core.rng import fixed_seed
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.data.loader import to_float
from bench.data.lookup import dataset
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.expand import conditions_in_ball
from bench.evaluation.conditions.minimum_norm import Minimised
from bench.evaluation.evaluator import outcomes
from bench.models.build import build
from bench.results.load import load_results

BASELINE = Path(__file__).parents[1] / "baseline/digits/cnn/PGD-AT/s0-6bee601e"
NAMES = pytest.mark.parametrize("name", ["FMN-Linf", "FMN-L2", "FMN-L1", "DDN"])


def measure(model, images, name, **options):
    attack = parse_attack(name)
    return outcomes(model, images, Attacked(attack, attack.space), **options)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("name", ["FMN-Linf", "FMN-L2", "FMN-L1", "DDN[radius=0.1,steps=200]"])
def test_distances_on_a_linear_model_are_those_to_the_boundary(name, classes):
    model, images = linear(classes, 40)
    model.weight.data, model.bias.data = 30 * model.weight, 30 * model.bias  # cross-entropies look at one wrong class
    outcome, space = measure(model, images, name), parse_attack(name).space
    exact, found = model.radius(images.x, images.y, space).clamp_min(0), torch.tensor(outcome.values)
    wrong = exact == 0
    assert wrong.sum() == 4
    assert (found[wrong] == 0).all()
    ratio = found[~wrong] / exact[~wrong]
    assert ratio.min() >= 1 - 1e-9
    assert (ratio < 1.02).all() if classes == 2 else ratio.quantile(0.9) < 1.03


@pytest.mark.parametrize("name", ["FMN-Linf", "FMN-L2[alpha=0.3]", "FMN-L1", "DDN"])
def test_pixels_at_the_edge_of_the_range_move_inwards(name):
    """Half of the pixels cannot move towards the wrong class: the distance is that of the other half."""
    weight = torch.ones(2, 64, dtype=torch.float64) * torch.tensor([[1.0], [-1.0]])
    weight[:, ::2] *= -1
    model = Linear(weight, torch.tensor([-0.5, 0.5], dtype=torch.float64))
    x = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    outcome = measure(model, Images(x, torch.tensor([1])), name)
    exact = {"FMN-Linf": 0.5 / 32, "FMN-L1": 0.5}.get(name, 0.5 / math.sqrt(32))
    assert outcome.values[0] == pytest.approx(exact, rel=0.03)


@NAMES
def test_accuracy_at_a_radius_is_read_off_the_distances(name):
    model, images = linear(3, 40)
    whole, space = measure(model, images, name), parse_attack(name).space
    eps = float(np.median(whole.values))
    inside = outcomes(model, images, Attacked(parse_attack(name), type(space)(eps)))
    assert (inside.right == (np.array(whole.values) > eps)).all()
    assert 10 < inside.right.sum() < 30
    assert (whole.forwards, whole.backwards) == (36 * 100, 36 * 100)


@NAMES
def test_batch_size_changes_nothing_in_float64(name):
    model, images = linear(3, 30)
    one, other = (measure(model, images, f"{name}[steps=20]", batch_size=size) for size in (7, 64))
    assert np.allclose(one.values, other.values, rtol=0, atol=1e-9)
    assert (one.forwards, one.backwards) == (other.forwards, other.backwards)


@pytest.mark.parametrize(("name", "theirs"), [("FMN-Linf", "LInfFMNAttack"), ("DDN", "DDNAttack")])
def test_images_equal_those_of_foolbox(name, theirs, monkeypatch):
    """In L2, foolbox's FMN does not project onto the ball, so that only distances could be compared."""
    monkeypatch.setattr("bench.attacks.fmn.BOUNDARY_OVERSHOOT", 1)  # theirs leaves images on the boundary, unbroken
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        import foolbox
    data = dataset("digits", Path())
    with fixed_seed("small"):
        model = build("cnn", data).eval().requires_grad_(False)
    x = to_float(data.load("test", Path(), 50).x)
    y = model(x).argmax(1)
    attack = getattr(foolbox.attacks, theirs)(steps=15)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = attack.run(foolbox.PyTorchModel(model, bounds=(0, 1)), x, foolbox.criteria.Misclassification(y))
    ours = parse_attack(f"{name}[steps=15]")(model, x, y, parse_attack(name).space)
    broken = model(ours).argmax(1) != y
    assert broken.sum() > 40
    assert torch.equal(model(wanted).argmax(1) != y, broken)
    far = (ours - wanted).flatten(1).abs().amax(1)
    assert (far < 1e-4).float().mean() >= 0.9  # an iterate next to the boundary may be wrong in one of them alone


class Flat(torch.nn.Module):
    """Class 0 and no gradient where no pixel is above 0.6."""

    def forward(self, x):
        high = (x.flatten(1) - 0.6).clamp_min(0).sum(1)
        return torch.stack([0.001 + 0 * high, high], 1)


def test_where_the_gradient_is_zero_ddn_draws_a_direction_for_each_image():
    images = Images(torch.full((6, 1, 4, 4), 0.5, dtype=torch.float64), torch.zeros(6, dtype=torch.int64))
    one, other, elsewhere = (
        measure(Flat(), images, "DDN[steps=30]", batch_size=size, seed=seed) for size, seed in ((2, 0), (6, 0), (6, 1))
    )
    assert not one.right.any()
    assert np.allclose(one.values, other.values, rtol=0, atol=1e-9)
    assert len(set(np.round(one.values, 6))) > 1
    assert not np.allclose(one.values, elsewhere.values)
    stuck = measure(Flat(), images, "FMN-L2[steps=5]")
    assert stuck.right.all()
    assert stuck.verdict == "suspect: zero gradients (6 of 6 images)"


def test_what_they_are_run_for_is_of_their_own_norm():
    linf, l2 = parse_attack("FMN-Linf"), parse_attack("DDN")
    readings = ["success rate", "mean distance"]
    for attack, own, other in ((linf, Linf, L2), (l2, L2, Linf)):
        rest = [Attacked(attack, own(math.inf)), *(Minimised(attack, reading) for reading in readings)]
        assert conditions_in_ball(attack, other(0.1)) == rest
        assert conditions_in_ball(attack, own(0.1)) == [Attacked(attack, own(0.1)), *rest]
        assert rest[1].threat == own(math.inf)
    with pytest.raises(BadInput, match=r"attack FMN-Linf measures distances in Linf, not in L2\(eps=0.1\); give it an"):
        Attacked(linf, L2(0.1))


@pytest.mark.parametrize(
    ("text", "why"),
    {
        "FMN-L2[alpha=0]": "alpha=0 is not a number above 0",
        "FMN-Linf[steps=0]": "steps=0 is below 1",
        "DDN[radius=-1]": "radius=-1 is not a number above 0",
        "DDN.last": "DDN has no last iterate to score",
    }.items(),
)
def test_settings_out_of_range_are_refused(text, why):
    with pytest.raises(BadInput, match=why):
        parse_attack(text)


def test_rows_of_a_run_come_of_one_measurement(bench, tmp_path):
    ask = ("eval", "--model", str(BASELINE), "--limit", "20", "--eps", "0.05,0.2")
    code, _, err = bench(*ask, "--attacks", "FMN-Linf[steps=20],DDN[steps=20]")
    assert code == 0, err
    rows = load_results(tmp_path / "results").query("kind == 'attack'")
    fmn, ddn = (rows[rows["name"] == name].set_index(["norm", "metric", "eps"]) for name in ("FMN-Linf", "DDN"))
    metrics = ("accuracy", "success rate", "mean distance")
    assert {*ddn.index} == {("L2", metric, math.inf) for metric in metrics}
    assert {*fmn.index} == {("Linf", metric, math.inf) for metric in metrics} | {
        ("Linf", "accuracy", eps) for eps in (0.05, 0.2)
    }
    accuracy = {eps: value for (_, metric, eps), value in fmn["value"].items() if metric == "accuracy"}
    assert accuracy[0.05] >= accuracy[0.2] >= accuracy[math.inf]
    assert fmn["forwards"].nunique() == 1
    code, _, err = bench("eval", "--model", str(BASELINE), "--attacks", "DDN[gamma=1]")
    assert (code, err.count("\n")) == (2, 1), err
    assert "gamma=1 is not a number above 0 and below 1" in err


def test_scored_by_the_last_iterate_images_that_are_wrong_when_clean_are_no_success():
    model, images = linear(3, 40)
    clean = (model(images.x).argmax(1) == images.y).numpy()
    attack = parse_attack("CW-L2.last[steps=50]")
    outcome = outcomes(model, images, Attacked(attack, attack.space))
    assert 0 < clean.sum() < 40
    assert ((np.array(outcome.values) == 0) == ~clean).all()
    assert Minimised.summarise("success rate", outcome)[-1] == clean.sum()


@pytest.mark.parametrize("norm", [Linf(0.1), L2(0.5)], ids=str)
def test_autoattack_s_parts_attack_models_of_float64(norm):
    model, images = linear(3, 20)
    double, _ = linear(3, 20)
    for name in ("APGD-CE", "FAB-T"):
        condition = Attacked(parse_attack(name), norm)
        wanted = outcomes(model, images, condition)
        assert (outcomes(double.double(), images, condition).right == wanted.right).all()
