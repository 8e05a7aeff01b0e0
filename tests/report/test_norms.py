"""Accuracy in balls of several norms together: each image, seeds, and what is missing or failed."""

import math

import numpy as np
import pytest
from result_files import measure

from bench.core.stats import wilson
from bench.report.norms.page import NormsPage, display, notes
from bench.report.norms.table import UNION, ball_name, norm_boards, union_table
from bench.report.table_formats.table_text import MISSING
from bench.results.load import load_results
from bench.results.store import read_outcomes

CLEAN = "1111111110"
RIGHT = {("Linf", 0.1): "1111110001", ("L2", 0.5): "1110111101", ("L1", 2.0): "0111111001"}


def attacked(results, norm, eps, right, name="PGD-20", **changes):
    return measure(results, name, right, norm=norm, eps=eps, **changes)


def tables(results):
    rows = load_results(results)
    outcomes = {key: bits for run in rows["run"].unique() for key, bits in read_outcomes(results / run).items()}
    return {board: union_table(balls, outcomes) for board, balls in norm_boards(rows).items()}


@pytest.fixture
def results(tmp_path):
    measure(tmp_path, "", CLEAN)
    for (norm, eps), right in RIGHT.items():
        attacked(tmp_path, norm, eps, right)
    return tmp_path


def test_an_image_counts_where_nothing_breaks_it_in_any_ball(results):
    attacked(results, "L1", 2.0, "1111011111", name="FGSM")
    attacked(results, "L1", 2.0, "0000000000", name="PGD-20.last")  # scored on its last iterate: in no Worst
    measure(results, "CW-L2", "0000000000", norm="L2", eps=math.inf)  # no ball
    ((board, table),) = tables(results).items()
    (line,) = table.to_dict("records")
    bits = [np.array(list(text)) == "1" for text in (CLEAN, *RIGHT.values(), "1111011111")]
    together = np.logical_and.reduce(bits)
    assert together.sum() == 3
    assert board.norm == "Linf 0.1 + L2 0.5 + L1 2"
    assert [line[column] for column in ("Clean", "Linf 0.1", "L2 0.5", "L1 2")] == pytest.approx([90, 60, 70, 50])
    assert (line[UNION], line[f"{UNION} status"], line["n"], line["seeds"]) == (pytest.approx(30), "ok", 10, 1)
    low, high = wilson(3, 10)
    assert (line[f"{UNION} low"], line[f"{UNION} high"]) == pytest.approx((100 * low, 100 * high))


def test_every_combination_of_radii_has_a_table_and_one_norm_has_none(results, tmp_path_factory):
    attacked(results, "L1", 4.0, "0000011000")
    found = tables(results)
    assert [board.norm for board in found] == ["Linf 0.1 + L2 0.5 + L1 2", "Linf 0.1 + L2 0.5 + L1 4"]
    assert [table[UNION].item() for table in found.values()] == pytest.approx([40, 10])
    alone = tmp_path_factory.mktemp("alone")
    measure(alone, "", CLEAN)
    for eps in (0.1, 0.2):
        attacked(alone, "Linf", eps, CLEAN)
    assert norm_boards(load_results(alone)) == {}
    assert NormsPage().files(alone) == {}


def test_a_ball_in_which_no_attack_counts_has_no_table(results):
    attacked(results, "L1", 4.0, "0000011000", name="PGD-20.last")
    assert [board.norm for board in tables(results)] == ["Linf 0.1 + L2 0.5 + L1 2"]


def test_seeds_are_combined_and_lines_are_sorted_by_the_union(results):
    for seed, right in ((0, "1111111100"), (1, "1111100000")):
        which = {"recipe": "TRADES-6", "seed": seed}
        measure(results, "", CLEAN, **which)
        for norm, eps in RIGHT:
            attacked(results, norm, eps, right, **which)
    (table,) = tables(results).values()
    assert table["recipe"].tolist() == ["TRADES-6", "PGD-AT"]
    best = table.iloc[0]
    assert (best[UNION], best["seeds"]) == (pytest.approx(65), 2)
    assert best[f"{UNION} std"] == pytest.approx(np.std([80, 50], ddof=1))
    shown = display(table, ["Linf 0.1", "L2 0.5", "L1 2"])
    assert shown[UNION].tolist() == ["65.0 ± 21.2", "40.0 [16.8, 68.7]"]


def test_what_is_missing_or_failed_has_no_union_and_fewer_attacks_are_named(results):
    measure(results, "", CLEAN, recipe="Mixup")
    attacked(results, "Linf", 0.1, CLEAN, recipe="Mixup")
    measure(results, "", CLEAN, recipe="AVmixup")
    for norm, eps in RIGHT:
        attacked(
            results,
            norm,
            eps,
            CLEAN if norm != "L2" else None,
            recipe="AVmixup",
            status="ok" if norm != "L2" else "failed: x",
        )
    attacked(results, "L2", 0.5, CLEAN, name="FGSM")
    (table,) = tables(results).values()
    shown = display(table, ["Linf 0.1", "L2 0.5", "L1 2"]).set_index("Recipe")
    assert shown.loc["Mixup", ["L2 0.5", "L1 2", UNION]].tolist() == [MISSING] * 3
    assert shown.loc["AVmixup", ["L2 0.5", UNION]].tolist() == ["failed", "failed"]
    assert shown.loc["PGD-AT", UNION] == "40.0 [16.8, 68.7]"
    assert notes(table) == ["AVmixup: failed: without PGD-20."]


def test_a_line_with_fewer_attacks_says_which(results):
    measure(results, "", CLEAN, recipe="Mixup")
    for norm, eps in RIGHT:
        attacked(results, norm, eps, CLEAN, recipe="Mixup")
    attacked(results, "L2", 0.5, CLEAN, name="FGSM")
    (table,) = tables(results).values()
    assert notes(table) == ["Mixup: partial: without FGSM L2 0.5."]


def test_the_page_has_a_section_and_a_csv_for_each_union(results):
    made = NormsPage().files(results)
    folder = "digits-cnn-linf-0.1-l2-0.5-l1-2-quick"
    assert [*made] == ["norms.md", f"{folder}/union.csv", f"{folder}/union.tex"]
    assert "PGD-AT & 90.0 [59.6, 98.2] & 60.0 [31.3, 83.2] &" in made[f"{folder}/union.tex"]
    assert "## digits, cnn, Linf 0.1 + L2 0.5 + L1 2, quick, n=10" in made["norms.md"]
    assert "| PGD-AT | 90.0 [59.6, 98.2] | 60.0 [31.3, 83.2] |" in made["norms.md"]
    assert "Union" in made[f"{folder}/union.csv"].splitlines()[0]
    assert [ball_name(ball) for balls in norm_boards(load_results(results)).values() for ball in balls] == [
        "Linf 0.1",
        "L2 0.5",
        "L1 2",
    ]
