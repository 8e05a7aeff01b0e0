"""Sweeps and shared trajectories: equal to separate runs or to closed forms, at the price that they claim."""

import io
import json
import math
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from linear_models import linear
from matplotlib.text import Text
from outside_models import write
from result_files import measure
from rich.console import Console

import bench.evaluation.evaluator as bench_evaluate
import bench.evaluation.target as bench_target
from bench.attacks.parse import parse_attack
from bench.core.rng import fixed_seed
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.images import Images
from bench.data.lookup import dataset
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.expand import conditions_of_sweep
from bench.evaluation.conditions.sweep import Swept, sweep_conditions
from bench.evaluation.evaluator import outcomes, outcomes_of_group
from bench.evaluation.search_groups import group_by_search
from bench.evaluation.settings import EvalSettings
from bench.evaluation.target import Target
from bench.models.build import build
from bench.report.files import replace_files
from bench.report.labels import columns
from bench.report.leaderboard.page import boards
from bench.report.plotting.texts import shorten
from bench.report.sweeps import figures
from bench.report.sweeps.figures import lines
from bench.report.sweeps.page import SweepsPage
from bench.report.sweeps.table import areas, autoattack_beside, over_effort, over_eps, sweep_boards
from bench.results.load import load_results

GRID = (0.002, 0.004, 0.006, 0.008, 0.01, 0.012, 0.016, 0.02)


@pytest.fixture(scope="module")
def digits():
    """An untrained cnn in float64, and digits with the labels that it gives them but for a few."""
    with fixed_seed("sweeps"):
        model, images = build("cnn", dataset("digits", Path())).double().eval(), dataset("digits", Path())
    images = images.load("test", Path(), 40)
    x = images.x.double() / 255
    y = model(x).argmax(1)
    y[::10] = (y[::10] + 1) % 10
    return model.requires_grad_(False), Images(x, y)


def attacked(texts, threat):
    return [Attacked(parse_attack(text), threat) for text in texts]


# one trajectory


STEPS = ["PGD-20", "PGD-1", "PGD-7", "PGD-3"]
COURSES = [
    STEPS,
    [f"{name}.last" for name in STEPS],
    ["CW-12", "CW-2", "CW-5", "CW-11"],
    ["PGD-4[restarts=5]", "PGD-4[restarts=2]", "PGD-4"],
    ["PGD-4.last[restarts=3]", "PGD-4.last[restarts=2]", "PGD-1.last"],
    ["PGD-MC[steps=9]", "PGD-MC[steps=4]"],
]


@pytest.mark.parametrize("texts", COURSES, ids=lambda texts: texts[0])
@pytest.mark.parametrize("threat", [Linf(0.01), L2(0.07)], ids=str)
def test_one_trajectory_equals_separate_runs_image_by_image(digits, texts, threat):
    model, images = digits
    conditions = attacked(texts, threat)
    assert group_by_search(conditions[-1], conditions) == [conditions[0], conditions[-1], *conditions[1:-1]]
    together = outcomes_of_group(model, images, conditions, EvalSettings(batch_size=16))
    for shared, condition in zip(together, conditions, strict=True):
        alone = outcomes(model, images, condition, batch_size=16)
        assert (shared.right == alone.right).all()
        assert (shared.forwards, shared.backwards) == (alone.forwards, alone.backwards)
        assert shared.doubts == alone.doubts


def test_a_misled_search_is_repeated_on_the_model_for_each_of_its_lengths(digits, monkeypatch):
    model, images = digits

    def rough(model, x):
        copy = deepcopy(model)
        for weight in copy.parameters():
            weight += 0.05 * weight.std() * torch.randn(weight.shape, generator=torch.manual_seed(0)).double()
        return copy

    monkeypatch.setattr(bench_target, "fast_copy", rough)
    conditions = attacked(["PGD-9", "PGD-2", "PGD-5"], Linf(0.01))
    shared = outcomes_of_group(model, images, conditions)
    alone = [outcomes(model, images, condition) for condition in conditions]
    assert [o.right.tolist() for o in shared] == [o.right.tolist() for o in alone]
    assert [(o.forwards, o.backwards) for o in shared] == [(o.forwards, o.backwards) for o in alone]
    assert shared[0].forwards > sum(len(images) for _ in range(9)) / 3


def test_a_shared_search_sends_its_images_once(digits):
    model, images = digits
    conditions, sent = attacked(["PGD-20", "PGD-10", "PGD-5"], Linf(0.003)), []
    handle = model.net[0].register_forward_hook(lambda module, inputs, out: sent.append(len(out) * out.requires_grad))
    shared = outcomes_of_group(model, images, conditions)
    handle.remove()
    assert sum(sent) == shared[0].forwards < sum(outcome.forwards for outcome in shared) / 1.5
    assert len({outcome.seconds for outcome in shared}) == 1


ALONE = ["PGD-5[step=2/255]", "PGD-5[start=clean]", "CW-5", "PGD-5.last", "FGSM", "MultiTarget[steps=5]", "AutoAttack"]


@pytest.mark.parametrize("text", ALONE)
def test_what_differs_in_more_than_its_length_shares_no_search(text):
    longest, other = attacked(["PGD-20", text], Linf(8 / 255 + 0.001))
    assert group_by_search(longest, [other]) == [longest]
    assert group_by_search(other, [longest]) == [other]


def test_lengths_that_are_no_beginnings_of_one_another_share_no_search():
    conditions = attacked(
        ["PGD-20[restarts=3]", "PGD-50", "PGD-20", "PGD-10[restarts=2]", "PGD-20[restarts=2]"], Linf(0.1)
    )
    assert group_by_search(conditions[0], conditions) == [conditions[i] for i in (0, 2, 4)]
    assert group_by_search(conditions[2], conditions) == [conditions[i] for i in (0, 2, 4)]
    assert group_by_search(conditions[1], conditions) == [conditions[i] for i in (1, 2)]
    assert group_by_search(conditions[3], conditions) == [conditions[3]]


def test_equal_steps_in_pixels_are_equal_steps():
    conditions = attacked(["PGD-20[step=0.5eps]", "PGD-10[step=0.25]"], Linf(0.5))
    assert group_by_search(conditions[1], conditions) == conditions


# radii


def radius(model, images, threat):
    """The exact radius of each image; 0 if it is wrong already."""
    return model.radius(images.x, images.y, threat).clamp_min(0).numpy()


@pytest.mark.parametrize("text", ["PGD-20", "FGSM", "CW-20", "MI-FGSM", "PGD-20[step=0.05]"])
@pytest.mark.parametrize("norm", [Linf, L2])
def test_radii_on_a_linear_model_are_the_first_of_the_grid_beyond_the_boundary(text, norm):
    model, images = linear(2, 80)
    balls = [norm(eps * (1 if norm is Linf else 5)) for eps in GRID]
    outcome = outcomes(model, images, sweep_conditions(parse_attack(text), balls)[0])
    grid = np.array([ball.eps for ball in balls])
    exact = radius(model, images, balls[0])
    first = np.append(grid, np.inf)[np.searchsorted(grid, exact)]
    expected = np.where(exact > 0, first, 0)
    assert (sweep_conditions(parse_attack(text), balls)[3].read(outcome).right == (expected > grid[2])).all()
    assert outcome.values == expected.tolist()
    assert len(set(outcome.values)) >= 6


def test_each_image_is_attacked_at_about_the_logarithm_of_the_radii(digits, monkeypatch):
    model, images = digits
    asked = np.zeros((len(images), len(GRID)), int)
    distances = Target.distances

    def count(self, condition, sample, *rest):
        asked[list(sample.ids), GRID.index(condition.threat.eps)] += 1
        return distances(self, condition, sample, *rest)

    monkeypatch.setattr(Target, "distances", count)
    outcomes(model, images, sweep_conditions(parse_attack("PGD-5"), [Linf(eps) for eps in GRID])[0])
    assert asked.max() == 1
    assert asked.sum(1).max() <= math.ceil(math.log2(len(GRID) + 1))
    assert (asked.sum(1) == 0).mean() == 0.1  # those that are wrong already


def test_no_image_of_a_sweep_is_weaker_than_in_plain_runs(digits):
    model, images = digits
    whole = sweep_conditions(parse_attack("PGD-10"), [Linf(eps) for eps in GRID])
    outcome = outcomes(model, images, whole[0])
    spent, broken = 0, []
    for part, eps in zip(whole[1:], GRID, strict=False):
        plain = outcomes(model, images, Attacked(parse_attack("PGD-10"), Linf(eps)))
        broken.append((~plain.right, ~part.read(outcome).right))
        spent += plain.forwards
    plain, ours = (np.array(side) for side in zip(*broken, strict=True))
    assert (plain & ~ours).sum() <= 0.005 * plain.size  # of radii where a larger one does less
    assert 0.1 < ours[:-1].mean() < 0.9
    assert outcome.forwards < spent / 2


@pytest.mark.parametrize("size", [7, 500])
def test_batch_size_changes_nothing_in_a_sweep_in_float64(digits, size):
    model, images = digits
    basis = sweep_conditions(parse_attack("PGD-5"), [Linf(eps) for eps in GRID])[0]
    a, b = (outcomes(model, images, basis, batch_size=size) for size in (16, size))
    assert (a.values, a.forwards, a.doubts) == (b.values, b.forwards, b.doubts)


def test_numbers_of_a_curve():
    attack, balls = parse_attack("PGD-5"), [Linf(eps) for eps in (0.1, 0.2, 0.4)]
    *curve, area, median = sweep_conditions(attack, balls)
    radii = np.array([0, 0.1, 0.4, math.inf])
    accuracies = [condition.find_robust(radii).mean() for condition in curve]
    assert accuracies == [0.75, 0.5, 0.5, 0.25]
    assert area.summary(radii)[0] == pytest.approx(np.trapezoid(accuracies, [0, 0.1, 0.2, 0.4]) / 0.4)
    value, low, high, n = median.summary(radii)
    assert (value, n) == (0.1, 4)
    assert low <= value <= high == math.inf
    assert area.summary(np.full(9, math.inf)) == (1, 1, 1, 9)
    assert json.loads(area.params) == json.loads(attack.params) | {"sweep": [0, 0.1, 0.2, 0.4]}


def test_attacks_that_no_bisection_fits_are_run_at_each_radius():
    balls = [Linf(0.1), Linf(0.2)]
    for text in ("PGD-10.last", "AutoAttack", "Square"):
        assert conditions_of_sweep(parse_attack(text), balls) == [Attacked(parse_attack(text), ball) for ball in balls]
    (*accuracies, area, median) = conditions_of_sweep(parse_attack("PGD-10"), balls)
    assert [(type(c), c.threat.eps) for c in accuracies] == [(Swept, 0), (Swept, 0.1), (Swept, 0.2)]
    assert (area.reading, median.reading) == ("area", "median radius")
    nearest = {c.threat.eps for c in conditions_of_sweep(parse_attack("CW-L2"), [L2(1), L2(2)])}
    assert nearest == {1, 2, math.inf}


# through the command line


ASK = ("run", "--methods", "Standard", "--epochs", "3", "--limit-train", "300", "--limit", "40", "--workers", "1")


def test_a_run_stores_curves_shares_searches_and_goes_on(bench, tmp_path, monkeypatch):
    attacks = ("--attacks", "PGD-4,PGD-8,PGD-4.last", "--sweep", "0,0.05,0.1,0.2")
    code, out, err = bench(*ASK, *attacks)
    assert code == 0, err
    assert "sweeps.md" in out
    rows = load_results(tmp_path / "results").assign(key="", seconds=0.0)
    curve = rows[(rows["name"] == "PGD-8") & (rows["metric"] == "accuracy")].set_index("eps")["value"]
    assert list(curve.index) == [0, 0.05, 0.1, 0.2]
    assert curve.is_monotonic_decreasing
    assert curve[0] == rows.loc[rows["kind"] == "clean", "value"].item()
    numbers = rows[rows["kind"] == "sweep"].groupby("name")
    assert numbers["metric"].value_counts()["PGD-4"].to_dict() == {"accuracy": 4, "area": 1, "median radius": 1}
    assert (numbers["forwards"].nunique() == 1).all()
    plain = rows[rows["kind"] == "attack"]
    assert list(plain["name"]) == ["PGD-4.last"] * 3
    assert "0 of 16 cells" in bench(*ASK, *attacks, "--dry-run")[1]
    assert all("PGD-8" not in set(board.rows["name"]) for board in boards(tmp_path / "results").values())


def test_a_model_from_outside_is_told_where_its_curve_is(bench, tmp_path):
    asked = ["eval", "--model", f"{write(tmp_path)}:nearest", "--attacks", "PGD-2", "--limit", "10"]
    code, out, err = bench(*asked, "--sweep", "0,0.1,0.2")
    assert code == 0, err
    assert f"page: {Path('reports/sweeps/sweeps.md')}" in out.splitlines()
    code, _, err = bench(*asked, "--sweep", "0,0.1,0.2", "--source", "x.py:y")
    assert (code, "--source hands over images of one radius" in err) == (2, True)


def test_sweeps_have_names_of_their_own_beside_clean(measured):
    rows = load_results(measured).drop_duplicates(["name", "kind", "metric", "eps"])
    named = dict(zip(zip(rows["kind"], rows["metric"], rows["name"], strict=True), columns(rows), strict=True))
    assert {title for (kind, *_), title in named.items() if kind == "clean"} == {"Clean"}
    assert named["sweep", "accuracy", "PGD-10"] == "PGD-10 sweep"
    assert named["sweep", "area", "PGD-10"] == "PGD-10 sweep area"
    assert named["sweep", "median radius", "PGD-10"] == "PGD-10 sweep median radius"


def test_searches_that_are_shared_have_the_rows_of_searches_that_are_not(bench, tmp_path, monkeypatch):
    texts = ["PGD-3", "PGD-9"]
    for text in texts:
        assert bench(*ASK, "--attacks", text, "--results", "alone")[0] == 0
    monkeypatch.setattr(bench_evaluate, "BLOCK_SIZE", 16)
    monkeypatch.setattr(bench_evaluate, "save_progress", killing(bench_evaluate.save_progress, 2))
    code, *_ = bench(*ASK, "--attacks", ",".join(texts), "--results", "shared")
    assert code == 130
    assert len(list((tmp_path / "shared").rglob("partial-*.json"))) == 1
    assert bench(*ASK, "--attacks", ",".join(texts), "--results", "shared")[0] == 0
    assert not list((tmp_path / "shared").rglob("partial-*.json"))
    alone, shared = (load_results(tmp_path / name).set_index("key").sort_index() for name in ("alone", "shared"))
    assert set(alone.index) == set(shared.index)
    # fp32 kernels depend on the batch, and so a last bit
    assert ((alone["value"] - shared["value"]).abs() <= 0.025).all()
    assert np.allclose(alone["forwards"], shared["forwards"], rtol=0.05)


def killing(write, times):
    """Raise KeyboardInterrupt once, after so many blocks."""
    left = [times]

    def written(*arguments):
        write(*arguments)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    return written


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sweep", "0.1,0.2"), "--sweep names 2 different radii, and a curve needs 3"),
        (("--sweep", "0.1,0.2,0.2"), "0.2 is there twice; give it once"),
        (("--sweep", "0,0.1,0.2", "--eps", "0.1"), "--eps and --sweep both name radii"),
        (("--sweep", "0,0.1,0.2", "--audit"), "--audit asks at radii of their own"),
        (("--sweep", "0,0.1,2"), "--sweep 2 is not a Linf radius on digits: above 0, at most 1"),
        (("--sweep", "-0.1,0.1,0.2"), "--sweep -0.1 is not a Linf radius"),
        (("--sweep", "0,nan,0.2,0.3"), "'0,nan,0.2,0.3' is not a number"),
        (("--sweep", "0,x,2"), "'0,x,2' is not a number"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_bad_input(bench, options, message):
    code, _, err = bench("run", *options)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


# the report


@pytest.fixture
def measured(tmp_path):
    """Two recipes, one swept and run plainly at three radii, with several lengths; ten images each."""
    params = json.dumps({"steps": 10, "step": "0.25eps", "restarts": 1})
    swept_params = json.dumps(json.loads(params) | {"sweep": [0, 0.1, 0.2, 0.4]})
    for recipe, rights in {"A": (9, 7, 4, 2), "B": (10, 4, 1, 0)}.items():
        measure(tmp_path, "", right(rights[0]), recipe=recipe)
        for eps, n in zip((0, 0.1, 0.2, 0.4), rights, strict=True):
            measure(tmp_path, "PGD-10", right(n), recipe=recipe, kind="sweep", eps=eps, params=swept_params)
            if eps:
                measure(tmp_path, "PGD-10.last", right(n + 1), recipe=recipe, eps=eps, params=params)
        numbers = {"area": 0.5, "median radius": 0.2 if recipe == "A" else math.inf}
        for metric, value in numbers.items():
            extra = {"metric": metric, "value": value, "ci_low": 0.1, "ci_high": value, "eps": 0.4}
            measure(tmp_path, "PGD-10", None, recipe=recipe, kind="sweep", params=swept_params, **extra)
    for steps in (5, 10, 20):
        for restarts in (1, 2):
            of = json.dumps({"steps": steps, "step": "0.25eps", "restarts": restarts})
            measure(tmp_path, f"PGD-{steps}", right(9 - steps // 5), recipe="A", eps=0.1, params=of)
    return tmp_path


def right(n):
    return "1" * n + "0" * (10 - n)


def test_points_of_a_curve_are_those_that_were_measured(measured):
    ((board, rows),) = sweep_boards(load_results(measured)).items()
    points = over_eps(rows).set_index(["panel", "recipe", "x"])["value"]
    assert points["PGD-10, swept over 4 radii", "A"].to_dict() == {0: 90, 0.1: 70, 0.2: 40, 0.4: 20}
    assert points["PGD-10.last", "B"].to_dict() == {0: 100, 0.1: 50, 0.2: 20, 0.4: 10}
    assert board.threat == "Linf"


def test_curves_over_steps_keep_a_number_that_is_no_count_of_steps(tmp_path):
    for steps in (5, 10, 20):
        measure(tmp_path, "FMN-L2", right(5), recipe="A", eps=0.1, params=json.dumps({"steps": steps}))
    (rows,) = sweep_boards(load_results(tmp_path)).values()
    assert set(over_effort(rows, "steps")["panel"]) == {"FMN-L2, eps 0.1"}


def test_lengths_stand_in_a_panel_only_where_all_else_is_equal(measured):
    (rows,) = sweep_boards(load_results(measured)).values()
    points = over_effort(rows, "steps").set_index(["panel", "x"])["value"]
    assert {panel for panel, _ in points.index} == {f"PGD-k [restarts={r}], eps 0.1" for r in (1, 2)}
    assert points["PGD-k [restarts=1], eps 0.1"].to_dict() == {5: 80, 10: 70, 20: 50}
    assert over_effort(rows, "restarts").empty
    assert over_effort(rows, "step").empty


def test_autoattack_stands_beside_the_curve_over_passes_at_its_radius(tmp_path):
    for recipe, n in (("A", 5), ("B", 7)):
        for passes in (10, 100, 1000):
            params = json.dumps({"passes": passes})
            measure(tmp_path, "Ascent", right(n + (passes == 10)), recipe=recipe, eps=0.1, params=params)
    cost = {"forwards": 3000.0, "backwards": 500.0}
    measure(tmp_path, "AutoAttack", right(4), recipe="A", eps=0.1, **cost)
    measure(tmp_path, "AutoAttack", right(3), recipe="B", eps=0.2, **cost)
    measure(tmp_path, "AutoAttack+", right(3), recipe="B", eps=0.1, **cost)
    (rows,) = sweep_boards(load_results(tmp_path)).values()
    beside = autoattack_beside(rows, "passes")
    assert beside.to_dict("records") == [{"panel": "Ascent, eps 0.1", "recipe": "A", "value": 40.0, "passes": 4000.0}]
    assert set(over_effort(rows, "passes")["panel"]) == set(beside["panel"])
    assert autoattack_beside(rows, "steps").empty
    figure = lines(over_effort(rows, "passes"), "title", "Passes", math.nan, beside)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["A", "B", "A, AutoAttack (4,000 passes)"]
    points, beside = (table.replace({"recipe": {"A": "A" * 40}}) for table in (over_effort(rows, "passes"), beside))
    (legend,) = lines(points, "title", "Passes", math.nan, beside).legends
    assert legend.get_texts()[2].get_text() == f"{shorten('A' * 40)}, AutoAttack (4,000 passes)"


def test_areas_and_medians_are_the_stored_ones_or_those_of_the_points(measured):
    (rows,) = sweep_boards(load_results(measured)).values()
    table = areas(rows, over_eps(rows)).set_index(["panel", "recipe"])
    swept_a = table.loc[("PGD-10, swept over 4 radii", "A")]
    assert (swept_a["area"], swept_a["median"], swept_a["median low"], swept_a["seeds"]) == (50, 0.2, 0.1, 1)
    plain = table.loc[("PGD-10.last", "B")]
    assert plain["area"] == pytest.approx((7.5 + 3.5 + 3) / 0.4)
    assert plain["median"] == 0.1
    assert math.isnan(plain["area low"])


def test_reports_are_written_where_there_are_curves(measured, tmp_path):
    written = replace_files(tmp_path / "reports", SweepsPage().files(measured))
    assert {path.suffix for path in written} == {".md", ".csv", ".png", ".pdf"}
    page = written[0].read_text()
    assert "| PGD-10 | B | 50.0 [10.0, 50.0] | > 0.4 [0.1, > 0.4] | 1 |" in page
    assert "| PGD-10.last | B | 35.0 | 0.1 | 1 |" in page
    (run,) = {row for row in load_results(measured)["run"] if "/B/" in row}
    console = Console(width=200, record=True, file=io.StringIO())
    SweepsPage().show(measured, console, only=frozenset({run}))
    shown = console.export_text()
    assert "35.0" in shown
    assert " A " not in shown
    empty = tmp_path / "empty"
    measure(empty, "PGD-10", "10", eps=0.1)
    assert SweepsPage().files(empty) == {}


def test_a_curve_that_failed_says_why(measured):
    params = json.dumps({"steps": 10, "step": "0.25eps", "restarts": 1, "sweep": [0, 0.1, 0.2, 0.4]})
    lost = {"kind": "sweep", "params": params, "value": math.nan, "status": "failed: out of memory"}
    measure(measured, "", right(9), recipe="C")
    for eps in (0, 0.1, 0.2, 0.4):
        measure(measured, "PGD-10", None, recipe="C", eps=eps, n=10, **lost)
    for steps in (5, 10, 20):
        of = {"params": json.dumps({"steps": steps}), "value": math.nan, "status": "failed: no memory"}
        measure(measured, f"MIM-{steps}", None, recipe="C", eps=0.1, n=10, **of)
    page = SweepsPage().files(measured)["sweeps.md"]
    assert "C, PGD-10 at 0, 0.1, 0.2, 0.4: failed: out of memory." in page
    assert "C, MIM-k, eps 0.1 with steps=5, 10, 20: failed: no memory." in page
    console = Console(width=200, record=True, file=io.StringIO())
    SweepsPage().show(measured, console)
    assert "C, PGD-10 at 0, 0.1, 0.2, 0.4: failed: out of memory." in console.export_text()


def test_a_figure_shows_chance_and_every_recipe(measured):
    (rows,) = sweep_boards(load_results(measured)).values()
    figure = figures.lines(over_eps(rows), "title", None, 10.0)
    texts = {text.get_text() for text in figure.findobj(Text)}
    assert {"A", "B", "chance", "PGD-10.last", "eps"} <= texts
    assert all(axes.lines[-1].get_ydata()[0] == 10 for axes in figure.axes)
    assert "chance" not in {t.get_text() for t in figures.lines(over_eps(rows), "", None, math.nan).findobj(Text)}
