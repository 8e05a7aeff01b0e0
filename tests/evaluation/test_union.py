"""Attacks on corrupted images: what they equal, what they may not depend on, and what they say on the command line."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from registered import register_for_test
from result_files import measure

from bench.attacks.parse import parse_attack
from bench.attacks.spec import ATTACKS
from bench.commands.compare.cells import Cell
from bench.commands.compare.repeatable import is_repeatable
from bench.core.stats import wilson
from bench.core.threats.l2 import L2
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS
from bench.data.images import Images
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.conditions.corrupted_attack import Union
from bench.evaluation.conditions.corruption import Corrupted
from bench.evaluation.conditions.diagnostic import Diagnosed
from bench.evaluation.conditions.minimum_norm import Minimised
from bench.evaluation.conditions.probe import Probed
from bench.evaluation.conditions.sweep import Swept
from bench.evaluation.corruption_conditions import corruption_conditions
from bench.evaluation.evaluator import outcomes, outcomes_of_group
from bench.evaluation.search_groups import group_by_search
from bench.evaluation.transfer import final_iterate_attacks
from bench.models.build import build
from bench.models.checkpoint import load_views
from bench.report.audit.audit import audit, lines
from bench.report.boards import groups
from bench.report.corruptions.attacked import SHARE_NAMES, means
from bench.report.corruptions.page import CorruptionsPage, find_tables
from bench.report.corruptions.seed_means import ALL_SEVERITIES
from bench.report.labels import label_rows
from bench.report.sweeps.table import sweep_boards
from bench.report.table_formats.table_text import MISSING
from bench.report.transfer.table import matrices
from bench.results.load import load_results
from bench.results.shards import Shard
from bench.results.store import read_outcomes, read_rows
from bench.results.survey import run_folders
from bench.runner.cells import CellPlan
from bench.runner.grid import conditions_of, corruptions_of
from bench.runner.options import CellOptions
from bench.runner.request import Request

DIGITS = DATASETS["digits"]
TEST = DIGITS.load("test", Path())
BASELINE = Path(__file__).parents[1] / "baseline/digits/cnn/PGD-AT/s0-6bee601e"
BALL = Linf(0.2)
FOG = Corrupted("fog", 3, '{"made": "generated"}', lambda x, ids: x)

# keys

KEYS = {
    "9ae6be6892dbc578": Clean(),
    "ae4e3b28093830d6": Attacked(parse_attack("PGD-20"), BALL),
    "739809f922703fa9": Attacked(parse_attack("CW-L2[steps=40,kappa=50]"), L2(0.5)),
    "3370cd1d91a4213a": Minimised(parse_attack("CW-L2[steps=40,kappa=50]"), "mean distance"),
    "76470a54c19cf49e": FOG,
    "070ca89399852ec5": Diagnosed("gradient", "mean", "all"),
    "1fac2e038186a7ba": Probed("planted", BALL, parse_attack("PGD-20")),
    "7c5275036e428e7f": Swept(parse_attack("FGSM"), BALL, (0.0, 0.1, 0.2), "median radius"),
}


@pytest.mark.parametrize("key", KEYS)
def test_stored_numbers_are_found_under_the_keys_that_they_had(key):
    test = Images(torch.zeros(300, 1, 8, 8, dtype=torch.uint8), torch.zeros(300, dtype=torch.int64))
    cells = CellPlan(test, 200, (KEYS[key],), torch.device("cpu"), "fp32", CellOptions(128))
    assert cells.key("identity", KEYS[key]) == key


def test_the_key_of_a_union_is_that_of_all_it_is_made_of():
    attacked, other = Attacked(parse_attack("PGD-3"), BALL), Attacked(parse_attack("PGD-3"), Linf(0.1))
    conditions = [attacked, FOG, Union(FOG, attacked), Union(FOG, other), Union(replace(FOG, severity=4), attacked)]
    conditions.append(Union(replace(FOG, params='{"made": "official"}'), attacked))
    cells = CellPlan(TEST, 200, (), torch.device("cpu"), "fp32", CellOptions(128))
    assert len({cells.key("identity", condition) for condition in conditions}) == 6


# what comes out


def idle(model, x, y, threat):
    return x


def drawn(model, x, y, threat, *, block=128):
    """An attack that draws for a block at once."""
    return threat.project(x + threat.eps * torch.rand_like(x).sub(0.5).sign(), x)


@pytest.fixture(autouse=True)
def _made_up_attacks(monkeypatch):
    for attack in (idle, drawn):
        register_for_test(monkeypatch, ATTACKS, attack.__name__, attack)


@pytest.fixture(scope="module")
def exact():
    """The baseline's model in float64, and the digits."""
    model = build("cnn", DIGITS)
    model.load_state_dict(load_views(BASELINE / "weights.safetensors", "digits/cnn/PGD-AT/s0-6bee601e")["main"])
    return model.double().eval().requires_grad_(False), Images(TEST.x.double() / 255, TEST.y)


def damaged(name="fog", severity=3):
    (condition,) = corruption_conditions([name], [severity], DIGITS, TEST, Path())
    return condition


def union(text, threat=BALL, **corruption):
    return Union(damaged(**corruption), Attacked(parse_attack(text), threat))


def test_an_attack_that_does_nothing_leaves_what_the_corruption_leaves(exact):
    corrupted, both = outcomes(*exact, damaged()), outcomes(*exact, union("idle"))
    assert np.array_equal(both.right, corrupted.right)
    assert 0.3 < corrupted.right.mean() < 0.95


@pytest.mark.parametrize("text", ["PGD-5", "PGD-5.last", "CW-3[restarts=2]", "drawn"])
def test_a_corruption_that_does_nothing_leaves_what_the_attack_leaves(exact, text):
    attacked = Attacked(parse_attack(text), BALL)
    alone, both = (outcomes(*exact, condition) for condition in (attacked, Union(FOG, attacked)))
    assert np.array_equal(both.right, alone.right)
    assert (both.forwards, both.backwards, both.seen) == (alone.forwards, alone.backwards, alone.seen)
    assert 0.1 < alone.right.mean() < outcomes(*exact, Clean()).right.mean()


def test_the_ball_is_around_the_corrupted_image_which_must_be_right_itself(exact):
    model, images = exact
    corrupted = Images(damaged().images(images.x, range(300), 50), images.y)
    for text in ("PGD-5", "PGD-5.last"):
        attacked = Attacked(parse_attack(text), BALL)
        assert np.array_equal(outcomes(*exact, union(text)).right, outcomes(model, corrupted, attacked).right)
    both, before = (outcomes(*exact, condition).right for condition in (union("PGD-5"), damaged()))
    assert (both <= before).all()
    assert both.sum() < before.sum()


def test_the_clean_image_is_not_asked_for(exact):
    model, images = exact
    seen = Images(images.x, model(damaged().images(images.x, range(300), 50)).argmax(1))
    assert outcomes(model, seen, union("idle")).right.all()
    assert not outcomes(model, seen, Clean()).right.all()


@pytest.mark.parametrize("text", ["PGD-5", "PGD-5.last", "drawn"])
def test_batches_limits_and_shards_change_nothing_in_float64(exact, text):
    condition = union(text, name="gaussian_noise")
    whole = outcomes(*exact, condition, n=290)
    small = outcomes(*exact, condition, n=290, batch_size=7)
    assert np.array_equal(small.right, whole.right)
    assert (small.forwards, small.backwards) == (whole.forwards, whole.backwards)
    cuts = [Shard(index, 3).ids(290, condition.attack.block) for index in (1, 2, 3)]
    parts = [outcomes(*exact, condition, n=ids.stop, start=ids.start) for ids in cuts]
    assert np.array_equal(np.concatenate([part.right for part in parts]), whole.right)
    assert sum(part.forwards for part in parts) == whole.forwards


def test_a_killed_evaluation_goes_on_where_it_was(exact, tmp_path):
    condition, saved = union("drawn", name="shot_noise"), tmp_path / "partial.json"
    whole, done = outcomes(*exact, condition), []

    def kill(outcome):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        outcomes(*exact, condition, saved=saved, tick=kill)
    resumed = outcomes(*exact, condition, saved=saved, tick=lambda outcome: done.append(outcome.done))
    assert done == [256, 300]
    assert np.array_equal(resumed.right, whole.right)


def test_lengths_of_one_attack_on_the_same_images_are_one_search(exact):
    long, short, harder = union("PGD-9"), union("PGD-4"), union("PGD-4", severity=4)
    others = [short, harder, short.attacked]
    assert group_by_search(long, others) == [long, short]
    assert group_by_search(short.attacked, [long, short]) == [short.attacked]
    for shared, condition in zip(outcomes_of_group(*exact, [long, short]), [long, short], strict=True):
        alone = outcomes(*exact, condition)
        assert np.array_equal(shared.right, alone.right)
        assert (shared.forwards, shared.backwards) == (alone.forwards, alone.backwards)
    assert long.cost(100) == long.attacked.cost(100)


# the command line


BOTH = ["eval", "--model", str(BASELINE), "--attacks", "FGSM,PGD-3", "--limit", "260"]
BOTH += ["--corruptions", "fog", "--severities", "2,3", "--attack-corrupted"]


def test_rows_and_report_of_a_run_and_of_its_shards(bench, tmp_path):
    code, out, err = bench(*BOTH, "--results", "whole")
    assert (code, "Attacked after corruption" in out) == (0, True), err
    (path,) = (tmp_path / "whole").rglob("results.csv")
    rows, bits = read_rows(path.parent), read_outcomes(path.parent)
    (row,) = (row for row in rows if (row.name, row.severity) == ("fog+PGD-3", 3))
    assert [(r.kind, r.name, r.severity) for r in rows[5:7]] == [("union", "fog+FGSM", 2), ("union", "fog+PGD-3", 2)]
    assert (row.norm, row.eps, row.metric, row.n, row.status) == ("Linf", 0.2, "accuracy", 260, "ok")
    alone = {(r.name, r.severity): r for r in rows}
    said = {"attack": alone["PGD-3", None].params, "corruption": alone["fog", 3].params}
    assert json.loads(row.params) == {part: json.loads(params) for part, params in said.items()}
    assert row.params == json.dumps(json.loads(row.params), sort_keys=True)
    assert (bits[row.key] <= bits[alone["fog", 3].key]).all()

    for index in (1, 2, 3):
        assert bench(*BOTH, "--results", f"part{index}", "--shard", f"{index}/3")[0] == 0
    assert "fog+PGD-3 3 Linf 0.2: lacks shards 2/3, 3/3" in bench("merge", "part1", "--into", "some")[1]
    assert bench("merge", "part1", "part2", "part3", "--into", "all")[0] == 0
    (merged,) = (path.parent for path in (tmp_path / "all").rglob("results.csv"))
    timeless = [{r.key: replace(r, seconds=None) for r in read_rows(folder)} for folder in (path.parent, merged)]
    assert timeless[0] == timeless[1]
    assert all(np.array_equal(b, bits[key]) for key, b in read_outcomes(merged).items())
    before = read_rows(merged)
    assert bench(*BOTH, "--results", "all", "--shard", "2/3")[0] == 0  # nothing is missing
    assert read_rows(merged) == before


WRONG = {
    "--attacks none --corruptions fog": "takes every attack to every corruption; name some by --attacks",
    "--attacks FGSM": "takes every attack to every corruption; name some by --corruptions",
    "--attacks FGSM --corruptions fog --sweep 0,0.1,0.2": "name them by --eps in the place of --sweep",
    "--attacks CW-L2 --corruptions fog": "attack CW-L2 measures distances from clean images, and --attack-corrupted",
    "--attacks FGSM --corruptions fog --save-adv": "and --attack-corrupted adds to corrupted ones; leave one of them",
    "--corruptions fog --study claims": "a grid of its own; leave --methods, --corruptions, --attack-corrupted out",
}


@pytest.mark.parametrize("options", WRONG)
def test_bad_input_is_one_line_before_anything_is_trained(bench, tmp_path, options):
    code, _, err = bench("run", "--methods", "Standard", "--attack-corrupted", *options.split())
    assert (code, err.count("\n")) == (2, 1), err
    assert WRONG[options] in err
    assert not (tmp_path / "results").exists()


def test_transfer_and_audit_leave_corrupted_images_out():
    images, asked = Images(TEST.x, TEST.y), Request(attacks=("FGSM", "PGD-3"), corruptions=("fog",), audit=True)
    conditions = conditions_of(asked, DIGITS)
    more = tuple(corruptions_of(replace(asked, attack_corrupted=True), conditions, DIGITS, images, Path()))
    assert [type(condition) for condition in more] == 5 * [Corrupted] + 10 * [Union]
    assert conditions_of(replace(asked, attack_corrupted=True), DIGITS) == conditions
    assert final_iterate_attacks([*conditions, *more]) == final_iterate_attacks(conditions)


# reports


def stored(results, recipe, kind, name, right, severity=None, **facts):
    """One row of the kinds that a corruption report reads."""
    attack, corruption = {"step": "0.25eps", **facts.pop("settings", {})}, {"made": "generated", "table": 32}
    params = {"clean": {}, "attack": attack, "corruption": corruption}
    params["union"] = {"attack": attack, "corruption": corruption}
    threat = {"norm": "Linf", "eps": 8 / 255} if kind in ("attack", "union") else {}
    said = {"kind": kind, "name": name, "severity": severity, "params": json.dumps(params[kind], sort_keys=True)}
    return measure(results, "", right, recipe=recipe, **threat | said | facts)


@pytest.fixture
def reported(tmp_path):
    """Two recipes on ten images; fog at two severities, attacked at one of them."""
    for recipe, right in (("Standard", "1110000000"), ("Mixup", "1111111000")):
        stored(tmp_path, recipe, "clean", "", "1111111110")
        stored(tmp_path, recipe, "corruption", "fog", "1111111100", 1)
        stored(tmp_path, recipe, "corruption", "fog", "1111110000", 3)
        stored(tmp_path, recipe, "attack", "PGD-3", right)
        stored(tmp_path, recipe, "union", "fog+PGD-3", right[:5] + "00000", 3)
    return tmp_path


def test_the_table_sets_both_beside_each_alone_at_the_severities_attacked(reported):
    (scores,) = find_tables(reported).values()
    lines = scores.unions[scores.unions["severity"] == ALL_SEVERITIES].set_index("recipe")
    assert lines.loc["Mixup", list(SHARE_NAMES)].tolist() == pytest.approx([0.9, 0.6, 0.7, 0.5])
    assert (lines.loc["Mixup", "both_low"], lines.loc["Mixup", "both_high"]) == pytest.approx(wilson(5, 10))
    shown = means(scores.unions, "").set_index("Recipe")
    assert shown.loc["Standard"].tolist() == ["fog", "PGD-3 Linf 8/255", "90.0", "60.0", "30.0", "30.0"]
    assert set(scores.cells["kind"]) == {"corruption", "attack"}
    assert scores.severities == (1, 3)
    made = CorruptionsPage().files(reported)
    ends = {name.rpartition("-")[2].rpartition(".")[2]: text for name, text in made.items()}
    assert "| Standard | fog | PGD-3 Linf 8/255 | 90.0 ±" in ends["md"]
    assert "Corrupted and Both are means over severities 3." in ends["md"]
    assert "Standard & fog & PGD-3 Linf 8/255 & 90.0" in ends["tex"]
    (attacked,) = [text for name, text in made.items() if name.endswith("attacked.csv")]
    assert len(pd.read_csv(StringIO(attacked))) == 4


def test_two_uses_of_an_attack_are_told_apart_alike_on_clean_and_on_corrupted_images(reported):
    harder = {"settings": {"restarts": 5}}
    stored(reported, "Mixup", "attack", "PGD-3", "1100000000", **harder)
    stored(reported, "Mixup", "union", "fog+PGD-3", "1000000000", 3, **harder)
    (scores,) = find_tables(reported).values()
    shown = means(scores.unions, "").query("Recipe == 'Mixup'").set_index("Attack")
    assert shown["Attacked"].to_dict() == {"PGD-3 Linf 8/255": "70.0", "PGD-3, 5 restarts, Linf 8/255": "20.0"}
    assert shown["Both"].tolist() == ["50.0", "10.0"]


def test_what_failed_or_is_missing_is_said_and_no_mean_is_made_without_it(reported):
    stored(reported, "Standard", "union", "fog+PGD-3", None, 1, status="failed: it broke")
    (scores,) = find_tables(reported).values()
    shown = means(scores.unions, "").set_index("Recipe")["Both"]
    assert shown.to_dict() == {"Standard": "failed", "Mixup": MISSING}
    said = "Standard, fog+PGD-3 Linf 8/255: failed: it broke."
    assert said in CorruptionsPage().files(reported)["corruptions.md"]


def test_boards_sweeps_transfer_and_the_audit_read_none_of_it(reported, tmp_path):
    rows, outcomes = load_results(reported), {}
    for run in rows["run"].unique():
        outcomes |= read_outcomes(reported / run)
    plain = rows[rows["kind"] != "union"]
    assert len(plain) < len(rows)
    for one, other in zip(groups(rows).values(), groups(plain).values(), strict=True):
        assert one.equals(other)
        assert audit(lines(label_rows(one)), lines(rows), outcomes) == audit(
            lines(label_rows(one)), lines(plain), outcomes
        )
    for one, other in zip(sweep_boards(rows).values(), sweep_boards(plain).values(), strict=True):
        assert one.equals(other)
    assert matrices(rows, outcomes) == {}


def test_a_gate_compares_unions_whatever_the_package_and_repeats_none(reported, tmp_path):
    row = next(row for folder in run_folders(reported) for row in read_rows(folder) if row.kind == "union")
    assert not is_repeatable(row)
    params = json.loads(row.params)
    one, other = (
        Cell(replace(row, params=json.dumps(params | {"attack": params["attack"] | {"package": package}})), None, "")
        for package in ("pyautoattack 1", "pyautoattack 2")
    )
    assert one.configuration == other.configuration
