"""What bf16 changes: differences of the same trainings, their intervals, and what is missing or failed."""

import math

import pytest
from result_files import measure

from bench.core.stats import mean_interval
from bench.report.precision.page import PrecisionPage, display
from bench.report.precision.table import precision_boards, precision_table, unpaired_lines
from bench.results.load import load_results
from bench.results.store import read_outcomes

FOLDER = "digits-cnn-linf-8-255-quick"


def train(results, precision, seed=0, recipe="PGD-AT", **right):
    """Store a training: its accuracies by attack, each a text of 0 and 1; `clean` for clean images, None: failed."""
    budget = "quick, 2 epochs" + (", bf16" if precision == "bf16" else "")
    run = f"digits/cnn/{recipe}/s{seed}-{precision}"
    for attack, bits in right.items():
        name = "" if attack == "clean" else attack.replace("PGD", "PGD-")
        status = "ok" if bits is not None else "failed: no memory"
        changes = {"run": run, "recipe": recipe, "seed": seed, "precision": precision, "status": status}
        measure(results, name, bits, budget=budget, **changes)


def tables(results):
    rows = load_results(results)
    outcomes = {key: bits for run in rows["run"].unique() for key, bits in read_outcomes(results / run).items()}
    return {board: precision_table(both, outcomes) for board, both in precision_boards(rows).items()}


def line(table, recipe, column):
    return table[(table["recipe"] == recipe) & (table["column"] == column)].iloc[0]


def test_one_seed_is_compared_image_by_image(tmp_path):
    train(tmp_path, "fp32", clean="1111111110", PGD20="1110000000")
    train(tmp_path, "bf16", clean="1111111100", PGD20="1110000000")
    ((board, table),) = tables(tmp_path).items()
    assert board.budget == "quick, 2 epochs"
    clean, same = line(table, "PGD-AT", "Clean"), line(table, "PGD-AT", "PGD-20")
    assert (clean["fp32"], clean["bf16"], clean["points"]) == pytest.approx((90, 80, 10))
    assert (clean["seeds"], clean["n"], clean["status"]) == (1, 10, "ok")
    assert (clean["low"], clean["high"]) == pytest.approx((0, 30))  # of a binomial of 10 images and chance 1/10
    assert (same["points"], same["low"], same["high"]) == (0, 0, 0)


def test_the_interval_of_several_seeds_is_students_over_their_differences(tmp_path):
    for seed, (fp32, bf16) in enumerate([("1110000000", "1000000000"), ("1111000000", "1100000000"), ("11", "11")]):
        train(tmp_path, "fp32", seed=seed, clean=fp32.ljust(10, "0"))
        train(tmp_path, "bf16", seed=seed, clean=bf16.ljust(10, "0"))
    train(tmp_path, "fp32", seed=3, clean="1111111111")  # no such seed in bf16
    (table,) = tables(tmp_path).values()
    (only,) = table.to_dict("records")
    assert (only["fp32"], only["bf16"], only["seeds"]) == pytest.approx((30, 50 / 3, 3))
    mean, half = 40 / 3, 4.302652729911275 * math.sqrt(400 / 3) / math.sqrt(3)  # t of two degrees of freedom; variance
    assert (only["points"], only["low"], only["high"]) == pytest.approx((mean, mean - half, mean + half))


def test_the_interval_of_a_mean_needs_two_values():
    assert mean_interval([1.0, 3.0]) == pytest.approx((2 - 12.706204736432095, 2 + 12.706204736432095))
    with pytest.raises(ValueError, match="at least two values"):
        mean_interval([1.0])


def test_worst_is_under_the_attacks_that_both_have(tmp_path):
    train(tmp_path, "fp32", clean="1111111111", FGSM="1111111000", PGD20="1111000000")
    train(tmp_path, "bf16", clean="1111111111", FGSM="1111110000")
    (table,) = tables(tmp_path).values()
    assert table["column"].tolist() == ["Clean", "FGSM", "Worst"]
    assert line(table, "PGD-AT", "Worst")["points"] == pytest.approx(10)


def test_what_failed_in_one_precision_is_shown_as_failed(tmp_path):
    train(tmp_path, "fp32", clean="1111111111", FGSM="1111111000")
    train(tmp_path, "bf16", clean="1111111111", FGSM=None)
    (table,) = tables(tmp_path).values()
    failed = line(table, "PGD-AT", "FGSM")
    assert math.isnan(failed["points"])
    assert failed["status"] == "failed: no memory"
    assert display(table).iloc[0].to_dict() == {
        "Recipe": "PGD-AT",
        "Clean": "+0.0 [0.0, 0.0]",
        "FGSM": "failed",
        "Worst": "failed",
        "Seeds": "1",
    }


def test_lines_of_one_precision_alone_are_named(tmp_path):
    train(tmp_path, "fp32", clean="1111111111")
    train(tmp_path, "bf16", clean="1111111111")
    train(tmp_path, "fp32", recipe="FGSM", clean="1111111111")
    (both,) = precision_boards(load_results(tmp_path)).values()
    (table,) = tables(tmp_path).values()
    assert unpaired_lines(both, table) == {"fp32": ["FGSM"], "bf16": []}
    assert "In fp32 alone: FGSM training." in PrecisionPage().files(tmp_path)["precision.md"]


def test_the_page_has_a_section_and_a_folder_for_each_board(tmp_path):
    train(tmp_path, "fp32", clean="1111111110", PGD20="1110000000")
    assert PrecisionPage().files(tmp_path) == {}
    train(tmp_path, "bf16", clean="1111111100", PGD20="1110000000")
    made = PrecisionPage().files(tmp_path)
    assert [*made] == ["precision.md", f"{FOLDER}/precision.csv", f"{FOLDER}/precision.tex"]
    assert "| PGD-AT | +10.0 [0.0, 30.0] | +0.0 [0.0, 0.0] | +0.0 [0.0, 0.0] | 1 |" in made["precision.md"]
    assert "PGD-AT & +10.0 [0.0, 30.0] &" in made[f"{FOLDER}/precision.tex"]
    assert made[f"{FOLDER}/precision.csv"].startswith("recipe,column,fp32,bf16,points,low,high,seeds,n,status\n")


def test_a_model_from_outside_is_compared_by_its_searches(tmp_path):
    for precision, right in (("fp32", "1100000000"), ("bf16", "1111000000")):
        changes = {"run": "digits/external/net-aaaa", "model": "external", "recipe": "net", "precision": precision}
        measure(tmp_path, "PGD-20", right, budget="", **changes)
    (table,) = tables(tmp_path).values()
    assert line(table, "net", "PGD-20")["points"] == pytest.approx(-20)
