"""What bf16 changes: differences of the same trainings, their intervals, and what is missing, failed or in doubt."""

import json
import math

import pytest
from result_files import measure

from bench.core.stats import mean_interval
from bench.report.precision.page import PrecisionPage, display
from bench.report.precision.table import (
    NO_OUTCOMES,
    precision_boards,
    precision_table,
    training_without_precision,
    uncompared,
)
from bench.report.table_formats.table_text import MISSING
from bench.results.load import load_results
from bench.results.store import read_job, read_outcomes

FOLDER = "digits-cnn-linf-8-255-quick"
CONDITIONS = {"clean": "", "PGD20": "PGD-20"}


def train(results, precision, seed=0, recipe="PGD-AT", digest="", job=None, view="main", **right):
    """Store a training: its outcomes by attack, each a text of 0 and 1; `clean` for clean images, None: failed."""
    budget = "quick, 2 epochs" + (", bf16" if precision == "bf16" else "")
    run = f"digits/cnn/{recipe}/s{seed}-{digest}{precision}"
    for attack, bits in right.items():
        changes = {"run": run, "recipe": recipe, "seed": seed, "precision": precision, "view": view}
        changes["status"] = "ok" if bits is not None else "failed: no memory"
        measure(results, CONDITIONS.get(attack, attack), bits, budget=budget, **changes)
    if job:
        path = results / run / "job.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | job))


def comparisons(results):
    rows = load_results(results)
    jobs = {run: training_without_precision(run, read_job(results / run)) for run in rows["run"].unique()}
    return precision_boards(rows.assign(training=rows["run"].map(jobs)))


def tables(results):
    runs = load_results(results)["run"].unique()
    outcomes = {key: bits for run in runs for key, bits in read_outcomes(results / run).items()}
    return {board: precision_table(both, outcomes) for board, both in comparisons(results).items()}


def line(table, recipe, column):
    return table[(table["recipe"] == recipe) & (table["column"] == column)].iloc[0]


def test_one_seed_is_compared_image_by_image(tmp_path):
    train(tmp_path, "fp32", clean="1111111110", PGD20="1110000000")
    train(tmp_path, "bf16", clean="1111111100", PGD20="1110000000")
    ((board, table),) = tables(tmp_path).items()
    assert board.budget == "quick, 2 epochs"
    clean, same = line(table, "PGD-AT", "Clean"), line(table, "PGD-AT", "PGD-20")
    assert (clean["fp32"], clean["bf16"], clean["points"]) == pytest.approx((90, 80, -10))
    assert (clean["seeds"], clean["n"], clean["status"], clean["verdict"]) == (1, 10, "ok", "")
    assert (clean["low"], clean["high"]) == pytest.approx((-30, 0))  # of a binomial of 10 images and chance 1/10
    assert (same["points"], same["low"], same["high"]) == (0, 0, 0)


def test_the_interval_of_several_seeds_is_students_over_their_differences(tmp_path):
    for seed, (fp32, bf16) in enumerate([("1000000000", "1110000000"), ("1100000000", "1111000000"), ("11", "11")]):
        train(tmp_path, "fp32", seed=seed, clean=fp32.ljust(10, "0"))
        train(tmp_path, "bf16", seed=seed, clean=bf16.ljust(10, "0"))
    train(tmp_path, "fp32", seed=3, clean="1111111111")
    (table,) = tables(tmp_path).values()
    (only,) = table.to_dict("records")
    assert (only["fp32"], only["bf16"], only["seeds"]) == pytest.approx((50 / 3, 30, 3))
    mean, half = 40 / 3, 4.302652729911275 * math.sqrt(400 / 3) / math.sqrt(3)  # t of two degrees of freedom; variance
    assert (only["points"], only["low"], only["high"]) == pytest.approx((mean, mean - half, mean + half))
    (both,) = comparisons(tmp_path).values()
    assert uncompared(both) == {"fp32": ["PGD-AT: Clean of seed 3"], "bf16": []}


def test_the_interval_of_a_mean_needs_two_values():
    assert mean_interval([1.0, 3.0]) == pytest.approx((2 - 12.706204736432095, 2 + 12.706204736432095))
    with pytest.raises(ValueError, match="at least two values"):
        mean_interval([1.0])


def test_an_interval_ends_at_100_points_and_zero_has_no_sign(tmp_path):
    for seed, right in enumerate(("1000000000", "0000000000")):
        train(tmp_path, "fp32", seed=seed, clean=right)
        train(tmp_path, "bf16", seed=seed, clean=("0000000000", "1000000000")[seed])
    (table,) = tables(tmp_path).values()
    assert display(table)[["Points", "95 % interval"]].to_numpy().tolist() == [["+0.0", "-100.0 to 100.0"]]


def test_what_failed_in_one_precision_is_shown_as_failed(tmp_path):
    train(tmp_path, "fp32", clean="1111111111", FGSM="1111111000")
    train(tmp_path, "bf16", clean="1111111111", FGSM=None)
    (table,) = tables(tmp_path).values()
    assert display(table).to_numpy().tolist() == [
        ["PGD-AT", "Clean", "100.0", "100.0", "+0.0", "0.0 to 0.0", "1"],
        ["PGD-AT", "FGSM", "failed", "failed", "failed", MISSING, "1"],
    ]
    assert "PGD-AT, FGSM: failed: no memory." in PrecisionPage().files(tmp_path)["precision.md"]


def test_what_one_precision_has_alone_is_named(tmp_path):
    train(tmp_path, "fp32", clean="1111111111", FGSM="1111111000", PGD20=None, Square="1111111111")
    train(tmp_path, "bf16", clean="1111111111", Square="1111111111")
    train(tmp_path, "fp32", recipe="TRADES-6", clean="1111111111")
    train(tmp_path, "bf16", recipe="FS", clean="1111111111")
    page = PrecisionPage().files(tmp_path)["precision.md"]
    assert "In fp32 alone: PGD-AT: FGSM, PGD-20; TRADES-6.\n" in page
    assert "In bf16 alone: FS.\n" in page


def test_two_configurations_of_a_recipe_are_told_apart_and_paired(tmp_path):
    for steps, fp32, bf16 in ((10, "1111111111", "1111111110"), (1, "1100000000", "1000000000")):
        job = {"recipe": f"AdversarialTraining(steps={steps})"}
        train(tmp_path, "fp32", digest=f"a{steps}", job=job, clean=fp32)
        train(tmp_path, "bf16", digest=f"b{steps}", job=job, clean=bf16)
    (table,) = tables(tmp_path).values()
    assert sorted(table["recipe"]) == ["PGD-AT (a10fp32)", "PGD-AT (a1fp32)"]
    assert table["points"].tolist() == pytest.approx([-10, -10])


def test_other_settings_are_never_paired(tmp_path):
    train(tmp_path, "fp32", job={"plan": {"lr": 0.1}}, clean="1111111111")
    train(tmp_path, "bf16", job={"plan": {"lr": 0.2}}, clean="1111111111")
    assert [len(table) for table in tables(tmp_path).values()] == [0]
    assert PrecisionPage().files(tmp_path) == {}


def test_a_training_is_the_same_whatever_the_precision_of_its_start():
    job = {"name": "BN-adv", "plan": {"epochs": 1}}
    one, other = (
        training_without_precision("digits/cnn/BN-adv/s0-aa", job | {"start": f"digits/cnn/{start}"})
        for start in ("Standard/s0-fp32", "Standard/s0-bf16")
    )
    assert one == other
    assert one != training_without_precision("digits/cnn/BN-adv/s0-aa", job | {"start": "digits/cnn/Standard/s1-fp32"})


def test_fields_that_an_older_job_lacks_count_as_empty():
    run, job = "digits/cnn/PGD-AT/s0-aa", {"name": "PGD-AT", "plan": {"epochs": 1}}
    newer = job | {"extra": "", "extra_share": 0.0, "train_eps": None, "start": None}
    assert training_without_precision(run, job) == training_without_precision(run, newer)
    assert training_without_precision(run, job) != training_without_precision(run, newer | {"extra_share": 0.7})


def test_views_are_compared_one_by_one(tmp_path):
    for precision, right in (("fp32", "1111111111"), ("bf16", "1111111100")):
        train(tmp_path, precision, clean=right)
        train(tmp_path, precision, view="aux1", clean="1111100000")
    (table,) = tables(tmp_path).values()
    assert table[["recipe", "points"]].to_numpy().tolist() == [["PGD-AT", pytest.approx(-20)], ["PGD-AT (aux1)", 0]]


def test_a_verdict_of_an_attack_stands_below_the_table(tmp_path):
    train(tmp_path, "fp32", FGSM="1110000000")
    changes = {"run": "digits/cnn/PGD-AT/s0-bf16", "precision": "bf16", "budget": "quick, 2 epochs, bf16"}
    measure(tmp_path, "FGSM", "1111111111", verdict="invalid: gradients are zero", **changes)
    page = PrecisionPage().files(tmp_path)["precision.md"]
    assert "PGD-AT, FGSM: invalid: gradients are zero (in bf16)." in page


def test_without_outcomes_one_seed_has_no_interval_and_says_why(tmp_path):
    train(tmp_path, "fp32", clean="1111111111")
    train(tmp_path, "bf16", clean="1111111100")
    (both,) = comparisons(tmp_path).values()
    (only,) = precision_table(both, {}).to_dict("records")
    assert (only["points"], only["status"]) == (pytest.approx(-20), NO_OUTCOMES)
    assert math.isnan(only["low"])


def test_a_model_from_outside_is_compared_with_itself_alone(tmp_path):
    for name, precision, right in (("net-a", "fp32", "1100000000"), ("net-a", "bf16", "1111000000"), ("net-b", "", "")):
        changes = {"run": f"digits/external/{name}", "model": "external", "recipe": "net"}
        precision, right = precision or "bf16", right or "0000000000"
        measure(tmp_path, "PGD-20", right, budget="", precision=precision, **changes)
    (table,) = tables(tmp_path).values()
    assert table["points"].tolist() == pytest.approx([20])
    page = PrecisionPage().files(tmp_path)["precision.md"]
    assert "models from outside" in page
    assert "In bf16 alone: net (b)." in page


def test_the_page_has_a_section_and_a_folder_for_each_board(tmp_path):
    train(tmp_path, "fp32", clean="1111111110", PGD20="1110000000")
    assert PrecisionPage().files(tmp_path) == {}
    train(tmp_path, "bf16", clean="1111111100", PGD20="1110000000")
    made = PrecisionPage().files(tmp_path)
    assert [*made] == ["precision.md", f"{FOLDER}/precision.csv", f"{FOLDER}/precision.tex"]
    assert "| PGD-AT | Clean | 90.0 | 80.0 | -10.0 | -30.0 to 0.0 | 1 |" in made["precision.md"]
    assert "PGD-AT & Clean & 90.0 & 80.0 &" in made[f"{FOLDER}/precision.tex"]
    assert made[f"{FOLDER}/precision.csv"].startswith(
        "recipe,column,fp32,bf16,points,low,high,seeds,n,status,verdict\n"
    )
