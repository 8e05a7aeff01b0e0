"""Leaderboards agree with stored outcomes, and never compare results of different setups."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_texts import cut_texts, overlapping_texts, shown_texts
from result_files import measure, store
from rich.console import Console

from bench.core.errors import BadInput
from bench.core.files import write_csv, write_json
from bench.core.stats import wilson
from bench.report.boards import groups
from bench.report.files import LIST_NAME, replace_files
from bench.report.leaderboard import differences as paired
from bench.report.leaderboard import figures, formats, page
from bench.report.leaderboard import text as words
from bench.report.leaderboard.bars import bars
from bench.report.leaderboard.page import LeaderboardPage, boards
from bench.report.leaderboard.scatter import scatter
from bench.report.leaderboard.table import leaderboard, ranking_column
from bench.report.seeds import collapses
from bench.results.load import load_results
from bench.results.store import read_job

pytestmark = pytest.mark.figures

MADE = '{"made": "generated", "table": 32}'  # what rows of corrupted images say of them


def table_of(results: Path) -> pd.DataFrame:
    (report,) = boards(results).values()
    return report.table


def line(table: pd.DataFrame, recipe: str) -> pd.Series:
    (found,) = [row for _, row in table.iterrows() if row["recipe"] == recipe]
    return found


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two recipes whose Worst differs from each of their columns."""
    for attack, right in {"": "1111111100", "FGSM": "1111000000", "PGD-20": "0011110000"}.items():
        measure(tmp_path, attack, right)
    measure(tmp_path, "PGD-20.last", "0000000000")
    for attack, right in {"": "1111111111", "FGSM": "1000000000", "PGD-20": "0000000001"}.items():
        measure(tmp_path, attack, right, recipe="Standard")
    return tmp_path


def test_worst_is_per_image_and_leaves_last_iterates_out(small: Path) -> None:
    table = table_of(small)
    assert line(table, "PGD-AT")["Worst"] == pytest.approx(20)  # images 2 and 3
    assert line(table, "PGD-AT")["PGD-20.last"] == 0
    assert line(table, "Standard")["Worst"] == 0
    low, high = wilson(2, 10)
    assert line(table, "PGD-AT")["Worst low"] == pytest.approx(100 * low)
    assert line(table, "PGD-AT")["Worst high"] == pytest.approx(100 * high)
    assert table["recipe"].tolist() == ["PGD-AT", "Standard"]


def test_worst_needs_the_bits_of_every_condition(small: Path) -> None:
    (small / "digits/cnn/Standard/s0-aaaa/outcomes.npz").unlink()
    table = table_of(small)
    assert np.isnan(line(table, "Standard")["Worst"])
    assert pd.isna(line(table, "Standard")["rank"])
    assert line(table, "Standard")["FGSM"] == pytest.approx(10)


def test_a_line_that_no_test_can_compare_has_no_rank(tmp_path: Path) -> None:
    for recipe, right in (("A", "1" * 40), ("B", "1" * 20 + "0" * 20), ("C", "0" * 40)):
        measure(tmp_path, "AutoAttack", right, recipe=recipe)
    (tmp_path / "digits/cnn/A/s0-aaaa/outcomes.npz").unlink()
    table = table_of(tmp_path)
    assert table["recipe"].tolist() == ["B", "C", "A"]
    assert table["rank"].tolist() == [1, 2, pd.NA]
    assert line(table, "A")["AutoAttack"] == 100
    assert "A: no rank, as the images that are right are not stored." in words.notes(table)
    assert not any(": no rank" in note for note in words.notes(table_of(tmp_path)[:2]))


def test_a_worst_over_fewer_attacks_has_no_rank(small: Path) -> None:
    measure(small, "", "1111111111", recipe="Easy")
    measure(small, "FGSM", "1111111111", recipe="Easy")
    table = table_of(small)
    assert table["recipe"].iloc[-1] == "Easy"
    assert pd.isna(line(table, "Easy")["rank"])
    assert line(table, "Easy")["Worst status"] == "partial: without PGD-20"
    assert "Easy: Worst leaves out PGD-20." in words.notes(table)


def test_an_attack_that_few_lines_have_ranks_none_of_them(tmp_path: Path) -> None:
    for recipe, right in {"A": 30, "B": 20, "C": 10}.items():
        measure(tmp_path, "PGD-20", "1" * 40, recipe=recipe)
        measure(tmp_path, "PGD-20", ("1" * right).ljust(40, "0"), recipe=recipe, params='{"step": 0.01}')
    measure(tmp_path, "AutoAttack", "1" * 5 + "0" * 35, recipe="A")
    table = table_of(tmp_path)
    assert ranking_column(table) == "PGD-20 [step=0.01]"
    assert list(zip(table["recipe"], table["rank"], strict=True)) == [("A", 1), ("B", 2), ("C", 3)]
    caption = words.caption(table)
    assert "Ranked by PGD-20, steps of 0.01, as AutoAttack is there for 1 of 3 lines only;" in caption
    assert words.best(table, words.display(table, ()))["PGD-20, steps of 0.01"].tolist() == [True, False, False]
    measure(tmp_path, "AutoAttack", "1" * 4 + "0" * 36, recipe="B")
    table = table_of(tmp_path)
    assert ranking_column(table) == "AutoAttack"
    assert table["rank"].tolist() == [1, 1, pd.NA]
    assert "lines only" not in words.caption(table)


def test_a_last_iterate_ranks_no_board_and_metrics_of_plugins_are_no_attacks(tmp_path: Path) -> None:
    for recipe, right in {"A": 30, "B": 20, "C": 10}.items():
        measure(tmp_path, "PGD-20", ("1" * right).ljust(40, "0"), recipe=recipe)
        measure(tmp_path, "CW-20.last", "1" * 5 + "0" * 35, recipe=recipe)
    for recipe in "ABCDEF":
        measure(tmp_path, "", "1" * 40, recipe=recipe)
        measure(tmp_path, "odd", "1" * 40, recipe=recipe, kind="x-odd", norm="", eps=None)
    measure(tmp_path, "MI-FGSM", "1" * 20 + "0" * 20, recipe="A")
    table = table_of(tmp_path)
    assert ranking_column(table) == "PGD-20"
    assert "Ranked by PGD-20, as fewer than half of the lines have every attack;" in words.caption(table)
    measure(tmp_path, "AutoAttack", "1" * 5 + "0" * 35, recipe="A")
    assert "as AutoAttack is there for 1 of 3 lines only;" in words.caption(table_of(tmp_path))
    measure(tmp_path, "AutoAttack", "1" * 5 + "0" * 35, recipe="B")
    assert ranking_column(table_of(tmp_path)) == "AutoAttack"


def test_figures_of_the_best_lines_show_the_column_that_ranks_the_whole_board(tmp_path: Path) -> None:
    for number in range(40):
        measure(tmp_path, "", "1" * 50, recipe=f"R{number:02}")
        measure(tmp_path, "PGD-20", ("1" * (49 - number)).ljust(50, "0"), recipe=f"R{number:02}")
        if number < 16:
            measure(tmp_path, "AutoAttack", "1" * 5 + "0" * 45, recipe=f"R{number:02}")
    ((board, report),) = boards(tmp_path).items()
    assert ranking_column(report.table) == "PGD-20"
    (axes,) = page._figures(board, report)["scatter"]().axes
    assert axes.get_ylabel() == "Accuracy under PGD-20 (%)"


def test_attacks_that_all_failed_rank_nothing(tmp_path: Path) -> None:
    measure(tmp_path, "", "1110000000")
    measure(tmp_path, "FGSM", None, status="failed: no memory")
    table = table_of(tmp_path)
    assert ranking_column(table) == "Clean"
    assert table["rank"].tolist() == [1]


@pytest.mark.parametrize(
    "other", [{"right": "11110"}, {"eps": 4 / 255}, {"norm": "L2"}, {"protocol": 2}, {"model": "mlp"}, {"dataset": "x"}]
)
def test_boards_never_mix(tmp_path: Path, other: dict[str, object]) -> None:
    measure(tmp_path, "FGSM", "1111000000")
    measure(tmp_path, "FGSM", **({"right": "1000000000", "recipe": "B"} | other))  # type: ignore[arg-type]
    assert [report.table["recipe"].tolist() for report in boards(tmp_path).values()] in (
        [["PGD-AT"], ["B"]],
        [["B"], ["PGD-AT"]],
    )


def test_budgets_never_mix(tmp_path: Path) -> None:
    measure(tmp_path, "FGSM", "1111000000")
    measure(tmp_path, "FGSM", "1111000000", budget="paper", recipe="B")
    assert {board.budget: len(report.table) for board, report in boards(tmp_path).items()} == {"quick": 1, "paper": 1}


def test_clean_rows_stand_on_every_board_of_their_kind(tmp_path: Path) -> None:
    measure(tmp_path, "", "1111111100")
    measure(tmp_path, "", "11111", model="mlp")
    for eps in (8 / 255, 0.0313725, 4 / 255):
        measure(tmp_path, "FGSM" if eps != 0.0313725 else "PGD-20", "1111000000", eps=eps)
    found = boards(tmp_path)
    assert [board.threat for board in found] == ["Linf 4/255", "Linf 8/255", "clean"]
    assert [report.table["Clean"].item() for report in found.values()] == [80, 80, 100]


def test_other_measurements_stay_out(small: Path) -> None:
    measure(small, "FGSM", "0000000000", source="digits/cnn/FS/s0-aaaa")
    measure(small, "FGSM", "0000000000", metric="distance")
    measure(small, "fog", "0000000000", kind="corruption", norm="", eps=None, severity=3, params=MADE)
    assert len(pd.concat(groups(load_results(small)).values())) == 7
    assert line(table_of(small), "PGD-AT")["FGSM"] == pytest.approx(40)


def test_seeds_are_averaged_and_configurations_are_not(tmp_path: Path) -> None:
    for seed, right in enumerate(["1111000000", "1111110000", "1111111100"]):
        measure(tmp_path, "", "1111111111", seed=seed)
        measure(tmp_path, "FGSM", right, seed=seed)
    measure(tmp_path, "FGSM", "1000000000", recipe="B")
    measure(tmp_path, "FGSM", "1100000000", recipe="B", run="digits/cnn/B/s0-bbbb")
    measure(tmp_path, "FGSM", "1110000000", recipe="B", run="digits/cnn/B/s0-bbbb", view="aux1", epoch="best")
    table = table_of(tmp_path)
    averaged = line(table, "PGD-AT")
    assert averaged["FGSM"] == pytest.approx(60)
    assert averaged["FGSM std"] == pytest.approx(20)
    assert (averaged["FGSM low"], averaged["FGSM high"]) == pytest.approx((40, 80))
    assert averaged["Worst"] == pytest.approx(60)
    assert averaged["seeds"] == 3
    others = table.set_index("recipe")["FGSM"].drop("PGD-AT").to_dict()
    assert others == pytest.approx({"B (aaaa)": 10, "B (bbbb)": 20, "B (bbbb, aux1, best)": 30})


def test_seeds_that_lack_a_cell_are_told(tmp_path: Path) -> None:
    measure(tmp_path, "", "1111111111")
    measure(tmp_path, "", "1111111111", seed=1)
    measure(tmp_path, "FGSM", "1111000000")
    assert "PGD-AT, FGSM: 1 of 2 seeds." in words.notes(table_of(tmp_path))


def test_failed_cells_are_shown_and_missing_ones_are_dashes(small: Path) -> None:
    measure(small, "AutoAttack", None, status="failed: needs 4\nclasses", verdict="")
    table = table_of(small)
    assert np.isnan(line(table, "PGD-AT")["AutoAttack"])
    assert np.isnan(line(table, "PGD-AT")["Worst"])
    text = formats.markdown(table)
    assert "| failed |" in text
    assert "| \N{EN DASH} |" in text
    assert "PGD-AT, AutoAttack: failed: needs 4 classes." in words.notes(table)


def test_one_failed_seed_fails_the_cell(tmp_path: Path) -> None:
    for seed, right in enumerate(("1111000000", None)):
        measure(tmp_path, "", "1111111111", seed=seed)
        measure(tmp_path, "FGSM", right, seed=seed, status="ok" if right else "failed: no memory")
    table = table_of(tmp_path)
    assert table["FGSM status"].item() == "failed: no memory"
    assert table["Worst status"].item() == "failed: without FGSM"
    assert table[["FGSM", "Worst"]].isna().all(axis=None)


def test_bits_of_a_failed_cell_do_not_count(small: Path) -> None:
    row = measure(small, "FGSM", "1111111111", key="again")
    store(small / row.run, row.__class__(**{**vars(row), "status": "failed: x", "value": None}), None)
    assert np.isnan(line(table_of(small), "PGD-AT")["Worst"])


def test_a_cell_measured_again_replaces_the_older_one(small: Path) -> None:
    measure(small, "FGSM", "1100000000", key="after a retraining")
    assert line(table_of(small), "PGD-AT")["FGSM"] == pytest.approx(20)


def test_columns_have_a_fixed_order_and_tell_settings_apart(tmp_path: Path) -> None:
    for attack in ["AutoAttack", "Square", "CW-20", "PGD-100", "PGD-20", "AutoAttack.screened", "FGSM"]:
        measure(tmp_path, attack, "1100", params='{"restarts": 1, "step": "0.25eps"}')
    measure(tmp_path, "PGD-20", "1100", params='{"restarts": 5, "step": "0.25eps"}')
    assert words.accuracies(table_of(tmp_path)) == [
        "Clean", "FGSM", "PGD-20 [restarts=1]", "PGD-20 [restarts=5]", "PGD-100", "CW-20", "Square",
        "AutoAttack.screened", "AutoAttack", "Worst",
    ]  # fmt: skip


def test_ranks_are_tie_groups(tmp_path: Path) -> None:
    for recipe, right in {"A": 60, "B": 56, "C": 50, "D": 10}.items():
        measure(tmp_path, "AutoAttack", ("1" * right).ljust(100, "0"), recipe=recipe)
    table = table_of(tmp_path)  # A and B: 4 against 0, p = 0.125; A and C: 10 against 0, p = 0.002; B and C: 6, 0.03
    assert list(zip(table["recipe"], table["rank"], strict=True)) == [("A", 1), ("B", 1), ("C", 3), ("D", 4)]


def test_the_worst_verdict_wins_with_all_reasons(small: Path) -> None:
    measure(small, "FGSM", "1111000000", verdict="suspect: zero gradients")
    measure(small, "PGD-20", "1111000000", verdict="invalid: left the ball")
    table = table_of(small)
    assert line(table, "PGD-AT")["verdict"] == "invalid: FGSM: zero gradients; PGD-20: left the ball"
    assert line(table, "Standard")["verdict"] == "ok"


def test_cost_comes_from_the_run(small: Path) -> None:
    folder = small / "digits/cnn/PGD-AT/s0-aaaa"
    write_csv(folder / "train.csv", ["epoch", "seconds"], [{"epoch": 1, "seconds": 2.5}, {"epoch": 2, "seconds": 3}])
    assert line(table_of(small), "PGD-AT")[["passes", "seconds"]].tolist() == [11, 5.5]
    (folder / "train.csv").write_text("epoch,seconds\n1,2.5\n2,x\n")
    with pytest.raises(BadInput, match=r"train\.csv line 3"):
        boards(small)


def test_outcomes_must_fit_their_row(small: Path) -> None:
    row = measure(small, "FGSM", "1111000000")
    store(small / row.run, row, np.ones(7, bool))
    with pytest.raises(BadInput, match=r"results\.csv line 5, FGSM .*: n is 10, and there are outcomes of 7 images"):
        boards(small)


def test_damage_is_named(small: Path) -> None:
    path = small / "digits/cnn/PGD-AT/s0-aaaa/results.csv"
    path.write_text(path.read_text().replace("accuracy", "accuracy,"))
    with pytest.raises(BadInput, match=r"results\.csv line 2"):
        LeaderboardPage().files(small)


def test_nothing_to_report_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no results under .*; run `bench run` first"):
        LeaderboardPage().files(tmp_path / "results")


def test_the_csv_keeps_every_digit(small: Path, tmp_path: Path) -> None:
    table = table_of(small)
    (tmp_path / "table.csv").write_text(formats.csv(table))
    read = pd.read_csv(tmp_path / "table.csv", keep_default_na=False, na_values=[""])
    numbers = [c for c in table if pd.api.types.is_float_dtype(table[c])]
    pd.testing.assert_frame_equal(read[numbers], table[numbers], check_exact=True, check_dtype=False)
    assert read["recipe"].tolist() == table["recipe"].tolist()


def test_latex_is_booktabs_and_escaped(tmp_path: Path) -> None:
    measure(tmp_path, r"a_b&c%d#{e}~^\f", "1100")
    measure(tmp_path, r"a_b&c%d#{e}~^\f", "1000", recipe="B")
    text = formats.latex(table_of(tmp_path), "50 % of a_b", "tab:x")
    assert r"a\_b\&c\%d\#\{e\}\textasciitilde{}\textasciicircum{}\textbackslash{}f" in text
    assert r"\caption{Accuracy in percent, 50 \% of a\_b}" in text
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert r"50.0 $\pm$" in text
    assert r"\textbf" not in text  # one line is within the other's interval
    assert text.isascii()


def test_markdown_has_one_width_and_bold_best(tmp_path: Path) -> None:
    for attack in ("", "a|b"):
        measure(tmp_path, attack, "1" * 8 + "0" * 8)
        measure(tmp_path, attack, "1" + "0" * 15, recipe="B")
    head, _, *lines = formats.markdown(table_of(tmp_path)).splitlines()
    assert r"a\|b" in head
    assert {row.replace(r"\|", "").count("|") for row in (head, *lines)} == {head.count("|") - 1}
    assert "**50.0** ±" in lines[0]
    assert "**" not in lines[1]


MARKED = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) `code` a|b &lt; \x1b[31mred\x1b[0m [bold]x[/bold]"


def test_what_strangers_write_is_text_in_every_format(tmp_path: Path) -> None:
    name = "=cmd|' /C calc'!A0 <b>[x](javascript:1)"
    measure(tmp_path, "", "1100", budget="<script>$\\frac{$</script>")
    measure(tmp_path, name, "1000", verdict=f"suspect: {MARKED}")
    measure(tmp_path, "FGSM", None, status=f"failed: {MARKED}")
    replace_files(tmp_path / "page", LeaderboardPage().files(tmp_path))
    page, latex = (
        "".join(path.read_text() for path in (tmp_path / "page").rglob(f"*{end}")) for end in (".md", ".tex")
    )
    assert not re.search(r"<[a-z/!?]|[^\\]`|\x1b", page)
    assert not [link for link in re.findall(r"(?<!\\)\]\(([^)]*)\)", page) if not link.endswith(".png")]
    assert "&lt;script>" in page
    assert "&amp;lt;" in page
    assert latex
    assert "\x1b" not in latex
    for path in (tmp_path / "page").rglob("*.csv"):
        assert not [
            c for line in csv.reader(path.read_text().splitlines()) for c in line if re.match(r"[=@]|[+-]\D", c)
        ]
    assert any(f"attack,'{name},Linf" in path.read_text() for path in (tmp_path / "page").rglob("rows.csv"))
    assert load_results(tmp_path)["name"].tolist() == ["", name, "FGSM"]  # the machine's own file is faithful
    console = Console(width=200, record=True, file=io.StringIO())
    LeaderboardPage().show(tmp_path, console)
    assert "\x1b[31m" not in console.file.getvalue()
    assert "[bold]x[/bold]" in console.export_text()


@pytest.mark.parametrize("width", [80, 200])
def test_the_terminal_cuts_no_number(small: Path, width: int) -> None:
    measure(small, "FGSM", "1111000000", params='{"restarts": 5}')
    console = Console(width=width, record=True, file=io.StringIO())
    LeaderboardPage().show(small, console, only=frozenset({"digits/cnn/PGD-AT/s0-aaaa"}))
    text = console.export_text()
    assert "PGD-AT" in text
    assert "20.0" in text
    assert not re.search("^ *=?[0-9]+ +Standard", text, re.MULTILINE)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert max(map(len, text.splitlines())) <= width


def test_the_report_is_complete_and_replaces_the_old_one(small: Path, tmp_path: Path) -> None:
    columns = ["epoch", "lr", "loss", "gradient", "val_clean", "val_fgsm", "val_pgd", "seconds"]
    log = [dict.fromkeys(columns, 0.5) | {"epoch": epoch, "val_pgd": None} for epoch in (1, 2)]
    write_csv(small / "digits/cnn/PGD-AT/s0-aaaa/train.csv", columns, log)
    folder = tmp_path / "reports" / "leaderboard"
    folder.mkdir(parents=True)
    (folder / "mine.csv").write_text("not generated")
    replace_files(folder, {"old-board.csv": "stale"})
    written = replace_files(folder, LeaderboardPage().files(small))
    stem = "digits-cnn-linf-8-255-quick"
    figures = [f"{stem}/bars", f"{stem}/scatter", "digits-cnn-quick-training/curves"]
    images = [f"{name}.{end}" for name in figures for end in ("png", "pdf")]
    texts = ["board.md", "board.csv", "board.tex", "rows.csv", "differences.csv", "differences.tex"]
    expected = ["leaderboard.md", *(f"{stem}/{name}" for name in texts), *images]
    assert sorted(path.relative_to(folder).as_posix() for path in written) == sorted(expected)
    there = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert sorted(there) == sorted([*expected, "mine.csv", LIST_NAME])
    assert all((folder / name).stat().st_size > 5000 for name in images)
    text = (folder / "leaderboard.md").read_text()
    assert "## digits, cnn, Linf 8/255, quick, n=10" in text
    assert all(f"({name})" in text for name in images if name.endswith("png"))
    alone = (folder / stem / "board.md").read_text()
    assert alone.startswith("# digits, cnn, Linf 8/255, quick, n=10\n")
    assert "](bars.png)" in alone
    assert "](scatter.png)" in alone
    assert len(pd.read_csv(folder / stem / "rows.csv")) == 7


def test_alarms_of_a_training_stand_below_its_board(small: Path, tmp_path: Path) -> None:
    runs = sorted(path.parent for path in small.rglob("job.json"))
    for run in runs:
        write_json(run / "job.json", read_job(run) | {"alarms": ["collapsed: 10.0% right"]})
    text = LeaderboardPage().files(small)["leaderboard.md"]
    (note,) = [line for line in text.splitlines() if "collapsed" in line]
    names, alarm = note.removeprefix("- ").split(": ", 1)
    assert alarm == "collapsed: 10.0% right."
    assert sorted(names.split(", ")) == sorted({run.parent.name for run in runs})
    assert len(runs) > 1


def test_a_seed_that_collapses_is_named() -> None:
    cells = [(seed, "PGD-20", value, 200) for seed, value in enumerate((0.4, 0.02, 0.38, 0.3))]
    part = pd.DataFrame(cells, columns=["seed", "column", "value", "n"])
    assert collapses(part) == ["seed 1 collapsed: PGD-20 2.0%, median of the seeds 34.0%"]
    assert collapses(part.assign(n=5)) == []  # could be chance
    assert collapses(part.assign(value=[0.4, 0.3, 0.38, np.nan])) == []
    assert collapses(part.head(1)) == []


def test_bars_are_as_long_as_the_table_says(small: Path) -> None:
    table = table_of(small)
    panels = bars(table, "title", ranking_column(table)).axes
    assert sorted(panel.get_title() for panel in panels) == sorted(words.accuracies(table))
    assert {panel.get_xlim()[0] for panel in panels} == {0}
    for panel in panels:
        column = panel.get_title()
        measured = table.dropna(subset=column)
        assert [bar.get_width() for bar in panel.patches] == pytest.approx(measured[column].tolist())
        (whiskers,) = panel.collections
        ends = [path.vertices[:, 0].tolist() for path in whiskers.get_paths()]
        pairs = zip(measured[f"{column} low"], measured[f"{column} high"], strict=True)
        assert ends == [pytest.approx(list(pair)) for pair in pairs]


def test_scatter_names_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    lines = []
    for i in range(20):
        line = {"recipe": f"Recipe-{i}.variant", "seeds": 1}
        for column, value in {"Clean": rng.uniform(80, 95), "Worst": rng.uniform(40, 52)}.items():
            line |= {column: value, f"{column} low": value - 5, f"{column} high": value + 5, f"{column} status": "ok"}
        lines.append(line)
    figure = scatter(pd.DataFrame(lines), "title", "Worst")
    assert sum(text.startswith("Recipe-") for text, _ in shown_texts(figure)) == 20
    assert overlapping_texts(figure) == []
    assert cut_texts(figure) == []


def test_a_report_needs_no_torch() -> None:
    imports = "import sys, bench.report.write, bench.report.leaderboard.bars, bench.report.leaderboard.scatter"
    code = f"{imports}; sys.exit('torch' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_leaderboard_does_not_change_its_rows(small: Path) -> None:
    (rows,) = groups(load_results(small)).values()
    before = rows.copy()
    leaderboard(rows, {})
    pd.testing.assert_frame_equal(rows, before)


def test_curves_show_what_was_logged() -> None:
    log = pd.DataFrame({"epoch": [1, 2, 3], "val_clean": [0.1, 0.5, 0.6], "val_pgd": [np.nan, 0.2, np.nan]})
    figure = figures.curves({"A": [log, log], "B": [log]}, "title")
    one, other = figure.axes
    assert [curve.get_ydata().tolist() for curve in other.lines] == [[10, 50, 60], [20]]
    seeds = [np.nan_to_num(curve.get_ydata(), nan=-1).tolist() for curve in one.lines]
    assert seeds == [[10, 50, 60, -1, 10, 50, 60], [20, -1, 20]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["hold-out, clean", "hold-out, PGD-10"]


def test_differences_are_of_the_same_images_as_those_of_the_best(tmp_path: Path) -> None:
    n = 200
    best, close, far = "1" * 150 + "0" * 50, "0" * 2 + "1" * 149 + "0" * 49, "1" * 100 + "0" * 100
    for recipe, right in {"Far": far, "Best": best, "Close": close}.items():
        measure(tmp_path, "", "1" * n, recipe=recipe)
        measure(tmp_path, "AutoAttack", right, recipe=recipe)
    measure(tmp_path, "AutoAttack", None, recipe="Failed", n=n, status="failed: why")
    (report,) = boards(tmp_path).values()
    apart = report.differences.set_index("recipe")
    assert apart.index.tolist() == ["Close", "Far"]
    assert set(apart["against"]) == {"Best"}
    assert apart["points"].to_dict() == pytest.approx({"Close": -0.5, "Far": -25})
    assert apart.loc["Close", "low"] < 0 < apart.loc["Close", "high"]
    assert -32 < apart.loc["Far", "low"] < -25 < apart.loc["Far", "high"] < -18
    assert apart.loc["Close", "p"] == 1
    assert apart.loc["Far", "p"] == pytest.approx(2.0**-49)
    shown = paired.section(report.differences)
    assert "| Far | Best | -25.0 | " in shown
    assert "< 0.001 |" in shown
    assert "corrected for the number of lines (2) by Holm's method" in shown


def test_differences_and_ranks_are_corrected_for_the_number_of_lines(tmp_path: Path) -> None:
    rights = {"A": 60, "B": 54, "C": 53, "D": 10}  # against A: 6 to 0, p = 0.031; 7 to 0, p = 0.016; p = 2 ** -49
    for recipe, right in rights.items():
        measure(tmp_path, "AutoAttack", ("1" * right).ljust(100, "0"), recipe=recipe)
    (report,) = boards(tmp_path).values()
    assert report.differences["p"].tolist() == pytest.approx([2**-5, 2**-6, 2**-49])
    assert report.differences["p_holm"].tolist() == pytest.approx([2**-5, 2**-5, 3 * 2**-49])
    assert paired.display(report.differences)["p"].tolist() == ["0.031", "0.031", "< 0.001"]
    assert report.table["rank"].tolist() == [1, 2, 2, 4]
    assert words.display(report.table, ())["#"].tolist() == ["1", "=2", "=2", "4"]
    measure(tmp_path, "AutoAttack", "1" * 55 + "0" * 45, recipe="E")  # one comparison more
    (report,) = boards(tmp_path).values()
    assert report.table.set_index("recipe")["rank"].to_dict() == {"A": 1, "E": 1, "B": 1, "C": 4, "D": 5}


def test_several_seeds_differ_by_their_means_and_by_the_worst_of_their_tests(tmp_path: Path) -> None:
    for recipe, seeds in {"A": ["1110000000", "1111100000"], "B": ["1100000000", "1000000000"]}.items():
        for seed, right in enumerate(seeds):
            measure(tmp_path, "", "1111111111", recipe=recipe, seed=seed)
            measure(tmp_path, "AutoAttack", right, recipe=recipe, seed=seed)
    (report,) = boards(tmp_path).values()
    (apart,) = report.differences.to_dict("records")
    assert (apart["recipe"], apart["points"], apart["p"]) == ("B", pytest.approx(-25), 1.0)
    averaged = line(report.table, "A")
    assert averaged["AutoAttack each"] == pytest.approx((30, 50))
    assert line(pd.read_csv(io.StringIO(formats.csv(report.table))), "A")["AutoAttack each"] == "30.0 50.0"
    panels = {axes.get_title(): axes for axes in bars(report.table, "", ranking_column(report.table)).axes}
    (dots,) = [drawn.get_xydata().tolist() for drawn in panels["AutoAttack"].lines if drawn.get_marker() == "."]
    assert dots == [pytest.approx(dot) for dot in ([30, 0], [50, 0], [20, 1], [10, 1])]
