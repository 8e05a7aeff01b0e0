"""Minimum-norm attacks: distances against closed forms and another package, and every number that is read off them."""

import json
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from linear_models import Linear, linear

from bench.attacks import carlini_wagner as cw
from bench.attacks.parse import parse_attack
from bench.core.errors import AttackWarning, BadInput
from bench.core.rng import fixed_seed
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.data.loader import to_float
from bench.data.lookup import dataset
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.conditions.expand import conditions_in_ball
from bench.evaluation.conditions.minimum_norm import Minimised
from bench.evaluation.evaluator import outcomes
from bench.evaluation.outcome import Outcome
from bench.models.build import build
from bench.results.load import load_results

ANY = L2(math.inf)
CW = parse_attack("CW-L2[kappa=0,steps=100,searches=10,c=0.001,rate=0.001]")


@pytest.fixture(scope="module")
def measured():
    model, images = linear(2, 40)
    return model, images, outcomes(model, images, Attacked(CW, ANY))


def test_distances_on_a_linear_model_are_those_to_the_boundary(measured):
    model, images, outcome = measured
    exact = model.radius(images.x, images.y, ANY).clamp_min(0)
    wrong, found = exact == 0, torch.tensor(outcome.values)
    assert not outcome.right.any()
    assert (found[wrong] == 0).all()
    assert wrong.sum() == 4
    ratio = found[~wrong] / exact[~wrong]
    assert ratio.min() >= 1 - 1e-9
    assert ratio.max() <= 1.05


@pytest.mark.parametrize("eps", [0.01, 0.03, 0.06])
def test_accuracies_at_a_radius_are_read_off_the_distances(measured, eps):
    model, images, whole = measured
    inside = outcomes(model, images, Attacked(CW, L2(eps)))
    assert (inside.right == (np.array(whole.values) > eps)).all()
    exact = model.radius(images.x, images.y, ANY).numpy()
    sure = (exact < eps) == (1.05 * exact < eps)
    assert (inside.right == (exact > eps))[sure].all()
    assert 0 < inside.right.sum() < 36


def test_success_and_mean_distance_are_of_the_images_that_were_right():
    distances = np.array([0, 0, 0.5, 1.5, math.inf])

    def value(reading, distances):
        return Minimised(CW, reading).value(Outcome(np.isinf(distances), values=distances.tolist()))

    rate, low, high, n = value("success rate", distances)
    assert (rate, n) == (2 / 3, 3)
    assert low < rate < high
    assert value("mean distance", distances) == (1.0, None, None, 2)
    assert value("success rate", distances[:2]) == (None, None, None, 0)
    assert value("mean distance", distances[4:]) == (None, None, None, 0)


def test_an_unreachable_confidence_leaves_the_image_itself(measured):
    model, images, _ = measured
    attack = parse_attack("CW-L2[kappa=1000,steps=5,searches=2]")
    with pytest.warns(AttackWarning, match="never reached kappa=1000"):
        assert torch.equal(attack(model, images.x, images.y, ANY), images.x)
    clean = outcomes(model, images, Clean()).right
    assert (outcomes(model, images, Attacked(attack, ANY)).right == clean).all()
    last = parse_attack("CW-L2.last[kappa=1000,steps=20,searches=2,c=1]")
    assert not outcomes(model, images, Attacked(last, ANY)).right[clean].all()


def test_confidence_is_a_margin_of_the_logits(measured):
    model, images, _ = measured
    right = torch.from_numpy(outcomes(model, images, Clean()).right)
    x, y = images.x[right], images.y[right]
    x_adv = parse_attack("CW-L2[kappa=0.2,steps=100,searches=6,rate=0.001]")(model, x, y, ANY)
    z = model(x_adv)
    lead = z.scatter(1, y[:, None], -torch.inf).amax(1) - z.gather(1, y[:, None])[:, 0]
    assert lead.min() > 0.2
    assert lead.max() < 0.4


def test_the_defaults_reach_every_image_of_a_linear_model_and_those_of_m_tlat_are_suspect():
    model, images = linear(10, 8, torch.float32)
    right = outcomes(model, images, Clean()).right
    exact = model.radius(images.x, images.y, ANY).numpy()[right]
    reached = outcomes(model, images, Attacked(parse_attack("CW-L2[steps=200]"), ANY))
    assert reached.verdict == "ok"
    assert not reached.right.any()
    assert (np.array(reached.values)[right] / exact).max() < 1.15
    never = outcomes(model, images, Attacked(parse_attack("CW-L2[steps=40,kappa=50]"), ANY))
    assert (never.right == right).all()
    assert never.verdict == f"suspect: never reached kappa=50 ({right.sum()} of 8 images)"
    assert outcomes(model, images, Attacked(parse_attack("CW-L2.last[steps=5,kappa=50]"), ANY)).verdict == "ok"


def test_batch_size_changes_nothing_in_float64(measured):
    model, images, _ = measured
    condition = Attacked(parse_attack("CW-L2[kappa=0,steps=15,searches=4,c=1]"), ANY)
    one, other = (outcomes(model, images, condition, batch_size=size) for size in (7, 500))
    assert np.allclose(other.values, one.values, rtol=0, atol=1e-9)
    assert (other.forwards, other.backwards) == (one.forwards, one.backwards)


def test_searches_that_end_early_find_as_much_for_less(measured, monkeypatch):
    model, images, _ = measured
    condition = Attacked(parse_attack("CW-L2[kappa=0,steps=50,searches=4,c=0.01]"), ANY)
    early = outcomes(model, images, condition)
    monkeypatch.setattr(cw, "PATIENCE_SHARE", dict.fromkeys(cw.PATIENCE_SHARE, 2.0))
    whole = outcomes(model, images, condition)
    assert (whole.forwards, whole.backwards) == (36 * 200, 36 * 200)
    assert early.backwards < 0.8 * whole.backwards
    assert (early.right == whole.right).all()
    assert np.array(early.values).sum() < 1.01 * np.array(whole.values).sum()


def test_one_search_equals_that_of_torchattacks_image_by_image():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        from torchattacks import CW as Theirs
    torch.manual_seed(0)
    model, data = build("cnn", dataset("digits", Path())).eval().double(), dataset("digits", Path())
    images = data.load("test", Path(), 100)
    x = 0.25 + to_float(images.x).double() / 2  # theirs never moves a pixel of 0 or 1
    y = model(x).argmax(1)
    with torch.no_grad():
        model.net[-1].weight *= 100
        model.net[-1].bias += 1000  # theirs takes 0 for a wrong logit where all are negative
    theirs = Theirs(model, c=1, kappa=0, steps=9, lr=0.01)(x, y)
    with pytest.warns(AttackWarning, match="never reached kappa=0"):
        ours = parse_attack("CW-L2[c=1,kappa=0,steps=9,rate=0.01,searches=1]")(model, x, y, ANY)
    broken = model(theirs).argmax(1) != y
    assert broken.sum() > 20
    assert torch.equal(model(ours).argmax(1) != y, broken)
    assert (ours - theirs).abs().max() < 1e-6


def test_what_a_minimum_norm_attack_is_run_for():
    readings = [Minimised(CW, "success rate"), Minimised(CW, "mean distance")]
    assert conditions_in_ball(CW, Linf(0.1)) == [Attacked(CW, ANY), *readings]
    assert conditions_in_ball(CW, L2(0.5)) == [Attacked(CW, L2(0.5)), Attacked(CW, ANY), *readings]
    with pytest.raises(BadInput, match=r"attack CW-L2 measures distances in L2, not in Linf\(eps=0.1\)"):
        Attacked(CW, Linf(0.1))


def test_rows_of_a_run_come_of_one_measurement(bench, tmp_path):
    ask = ("run", "--methods", "Standard", "--epochs", "4", "--limit-train", "400", "--limit", "30", "--norm", "L2")
    attack = ("--eps", "0.5,1", "--attacks", "FGSM,CW-L2[kappa=0,steps=20,searches=3,c=1,rate=0.1]")
    code, out, err = bench(*ask, *attack)
    assert code == 0, err
    rows = load_results(tmp_path / "results")
    cw = rows[rows["name"] == "CW-L2"].set_index(["metric", "eps"])
    assert len(cw) == 5
    assert cw["forwards"].nunique() == cw["seconds"].nunique() == 1
    clean = rows.loc[rows["kind"] == "clean", "value"].item()
    survived = cw.loc["accuracy", "value"]
    assert survived.sort_index().is_monotonic_decreasing
    assert sorted(survived.index) == [0.5, 1, math.inf]
    share = cw.loc[("success rate", math.inf), "value"]
    assert share == pytest.approx(1 - survived[math.inf] / clean)
    assert 0 < cw.loc[("mean distance", math.inf), "value"] < 5
    assert json.loads(cw["params"].iloc[0])["kappa"] == 0
    code, out, err = bench(*ask, *attack, "--dry-run")
    assert "0 of 8 cells to do" in out


def test_pixels_at_the_edge_of_the_range_move_inwards():
    weight = torch.ones(2, 64, dtype=torch.float64) * torch.tensor([[1.0], [-1.0]])
    with fixed_seed("edge"):
        model = Linear(weight, torch.tensor([-0.5, 0.5], dtype=torch.float64))
    x = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    outcome = outcomes(model, Images(x, torch.tensor([1])), Attacked(parse_attack(LONG), ANY))
    assert outcome.values[0] == pytest.approx(0.5 / 8, rel=0.05)


LONG = "CW-L2[kappa=0,steps=500,searches=4,c=1,rate=0.05]"
