"""Boards on a narrow terminal: what is left out is named, and no name is folded."""

import io
from pathlib import Path

import pandas as pd
import pytest
from result_files import measure
from rich.console import Console

from bench.report.files import SITE_LIST_NAME, replace_files
from bench.report.labels import condition_name
from bench.report.leaderboard import text as words
from bench.report.leaderboard.page import LeaderboardPage, boards
from bench.report.leaderboard.terminal import fit
from bench.report.table_formats import table_text as plain
from bench.report.write import describe_files

NAMES = {
    "PGD-10 [step=0.00784313725490196]": "PGD-10, steps of 2/255",
    "PGD-10 [step=0.25eps]": "PGD-10, steps of 0.25eps",
    "PGD-7.last [start=random]": "PGD-7.last, random start",
    "PGD-20 [restarts=5,start=clean,step=0.02]": "PGD-20, 5 restarts, clean start, steps of 0.02",
    "PGD-20 [restarts=1]": "PGD-20, 1 restart",
    "CW [c=3,kappa]": "CW, c=3, kappa",
    "AutoAttack": "AutoAttack",
    "odd [name": "odd [name",
    "PGD-10 [step=0.00784313725490196] Linf 0.04": "PGD-10, steps of 2/255, Linf 0.04",
    "PGD-k [restarts=2], eps 0.1": "PGD-k, 2 restarts, eps 0.1",
    "CW-L2 L2 inf": "CW-L2 L2 of any length",
}
ATTACKS = ["FGSM", "PGD-7", "PGD-20", "PGD-100", "CW-20", "Square", "MI-FGSM", "PGD-20.last", "AutoAttack"]


@pytest.mark.parametrize("column", NAMES)
def test_settings_of_an_attack_are_said_in_words(column: str) -> None:
    assert condition_name(column) == NAMES[column]


@pytest.fixture
def wide(tmp_path: Path) -> pd.DataFrame:
    for recipe, right in {"A recipe with a long name": 12, "Standard": 8}.items():
        measure(tmp_path, "", "1" * 18 + "00", recipe=recipe)
        for place, attack in enumerate(ATTACKS):
            measure(tmp_path, attack, ("1" * (right - place // 2)).ljust(20, "0"), recipe=recipe)
    (report,) = boards(tmp_path).values()
    return report.table


def test_last_iterates_go_first_then_intervals_then_weak_attacks(wide: pd.DataFrame) -> None:
    whole, left_out = fit(wide, 300)
    assert left_out == []
    widest = plain.width_of(whole)
    assert fit(wide, widest - 1)[1] == ["PGD-20.last"]
    assert "\N{PLUS-MINUS SIGN}" in fit(wide, widest - 1)[0]["FGSM"].iloc[0]
    shown, left_out = fit(wide, 91)
    assert plain.width_of(shown) == 91
    assert list(shown) == ["#", "Recipe", "Clean", "CW-20", "Square", "MI-FGSM", "AutoAttack", "Worst", "Verdict"]
    assert left_out == ["FGSM", "PGD-7", "PGD-20", "PGD-20.last", "PGD-100", "Passes"]
    few, left_out = fit(wide, 10)
    assert list(few) == ["#", "Recipe", "Clean", "AutoAttack", "Verdict"]


def test_a_table_that_is_too_wide_is_shown_in_parts_that_begin_with_the_names() -> None:
    shown = pd.DataFrame({"#": ["1"], "Name": ["abc"], **{f"column {i}": ["12.3"] for i in range(5)}})
    assert plain.width_of(shown) == 1 + 4 + 5 * 8 + 2 * 7 + 1
    assert plain.split_columns(shown, ("Name",), 30) == [
        ["#", "Name", "column 0", "column 1"],
        ["#", "Name", "column 2", "column 3"],
        ["#", "Name", "column 4"],
    ]
    assert plain.split_columns(shown, ("Name",), 60) == [list(shown)]
    assert plain.split_columns(shown[["#", "Name"]], ("Name",), 3) == [["#", "Name"]]


@pytest.mark.parametrize("width", [80, 100])
def test_names_stay_on_one_line_and_what_is_left_out_is_named(tmp_path: Path, width: int) -> None:
    names = [f"A recipe with a long name, {i}" for i in range(2)]
    for recipe in names:
        measure(tmp_path, "", "1" * 20, recipe=recipe)
        for attack in ATTACKS:
            measure(tmp_path, attack, "1" * 10 + "0" * 10, recipe=recipe)
    console = Console(width=width, record=True, file=io.StringIO())
    LeaderboardPage().show(tmp_path, console)
    text = console.export_text()
    assert all(name in text for name in names)
    assert max(map(len, text.splitlines())) <= width
    assert "No room for" in text
    assert "PGD-20.last" in text.partition("No room for")[2].partition(";")[0]


def test_lines_of_which_the_same_is_said_share_a_sentence_and_unattacked_ones_are_named(tmp_path: Path) -> None:
    for recipe in ("A", "B", "C"):
        measure(tmp_path, "", "1111", recipe=recipe)
        measure(tmp_path, "FGSM", "1100", recipe=recipe)
    measure(tmp_path, "PGD-7", "1100", recipe="C", params='{"start": "clean"}')
    measure(tmp_path, "PGD-7", "1100", recipe="C", params='{"start": "random"}')
    measure(tmp_path, "", "1110", recipe="LL")
    (report,) = boards(tmp_path).values()
    assert words.notes(report.table) == [
        'A, B: Worst leaves out "PGD-7, clean start", "PGD-7, random start".',
        "Evaluated on clean images alone, and not shown: LL training.",
    ]


def test_a_report_ends_with_how_many_files_there_are_and_which_to_open(tmp_path: Path) -> None:
    page = tmp_path / "leaderboard" / "leaderboard.md"
    page.parent.mkdir()
    page.touch()
    assert describe_files([page], tmp_path) == f"wrote 1 file below {tmp_path}; open {page}"
    site = {"index.html": "", "methods/a.html": "", "assets/site.css": ""}
    index, *_ = replace_files(tmp_path, site, SITE_LIST_NAME)
    among = "wrote 4 files below {}, 2 pages of the site among them; open {}"
    assert describe_files([page, index], tmp_path) == among.format(tmp_path, index)


def test_the_highest_is_found_by_the_name_of_a_column_and_by_its_head(tmp_path: Path) -> None:
    for recipe, right in {"A": 15, "B": 2}.items():
        for start in ("clean", "random"):
            measure(tmp_path, "PGD-7", ("1" * right).ljust(20, "0"), recipe=recipe, params=f'{{"start": "{start}"}}')
    (report,) = boards(tmp_path).values()
    for name in ("PGD-7 [start=clean]", "PGD-7, clean start"):
        assert words.best(report.table, pd.DataFrame({name: ["75.0", "10.0"]}))[name].tolist() == [True, False]
