"""`bench list`: names for scripts, tables for people."""

import re
import sys
from pathlib import Path

import pytest

from bench import RECIPES
from bench.attacks.suites import SUITES
from bench.commands.list.names import REGISTRIES
from bench.commands.list.output import as_text
from bench.commands.list.recipes import describe_variant, family, papers
from bench.commands.list.tables import TABLES
from bench.core.registry import Registry

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_has_a_line_with_a_meaning_for_each_name_which_comes_first(bench, kind):
    code, out, err = bench("list", kind, "--long")
    assert code == 0, err
    head, *lines = out.splitlines()
    names = [line.split(": ")[0] for line in bench("list", kind)[1].splitlines()]
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")] == names
    rows = [line for line in lines if " may follow " not in line]
    column = head.index("Meaning")
    assert all(line[column - 2 : column] == "  " and line[column:] for line in rows), out
    assert all(len(line) <= 110 for line in lines)


@pytest.mark.parametrize("kind", TABLES)
def test_a_meaning_is_a_whole_sentence_without_markup_or_bare_settings(kind):
    columns, make = TABLES[kind]
    for row in make():
        meaning = dict(zip(columns, row, strict=True))["Meaning"]
        assert len(meaning.split()) >= 3, row
        assert not re.search(r"with \w+=\S+$|^\W|\.\.\.|^The same\b|settings:", meaning), row
        assert meaning[0].isupper() or not meaning.split()[0].rstrip(":,").isalpha(), row
    for width in (80, 200):
        text = "\n".join(as_text(kind, width))
        assert not re.search(r"[`]|\*\w+\*|\.\.\.", text)


def test_a_long_meaning_goes_on_below_itself_and_loses_nothing():
    narrow = as_text("suites", 80)
    column = narrow[0].index("Meaning")
    assert len(narrow) > 1 + len(SUITES)
    words = " ".join(line[column:] for line in narrow[1:]).lower().split()
    assert words == " ".join(suite.about for suite in SUITES.values()).lower().split()


def test_a_script_gets_names_alone_and_a_terminal_a_table(bench, monkeypatch):
    names = bench("list", "attacks")[1].splitlines()
    assert names == REGISTRIES["attacks"].all_names()
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert bench("list", "attacks")[1].splitlines()[0].split() == ["Attack", "Passes", "Exam", "Meaning"]


def test_a_method_has_its_family_paper_and_cost(bench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")  # a narrower terminal has no room for family and paper
    lines = bench("list", "methods", "--long")[1].splitlines()
    (trades,) = [line for line in lines if line.startswith("TRADES-6 ")]
    assert trades.split(maxsplit=5)[:5] == ["TRADES-6", "25", "TRADES", "Zhang", "2019"]
    assert "Clean cross-entropy, plus 6 times" in trades
    assert lines[-1] == "+AWP may follow the name of any adversarial recipe"


def test_the_readme_of_methods_has_the_table_of_today(bench):
    readme = (ROOT / "methods/README.md").read_text(encoding="utf-8")
    table = bench("list", "methods", "--markdown")[1].strip()
    assert readme.rstrip().endswith(table), "make it again by `bench list methods --markdown`"
    assert len(table.splitlines()) == len(RECIPES) + 2


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_a_narrow_terminal_gets_fewer_columns_and_a_short_meaning(width):
    lines = as_text("suites", width)
    assert max(map(len, lines)) <= width
    assert ("Attacks" in lines[0]) == (width > 400)


def test_what_a_file_says_of_its_paper():
    about = 'Free (FAT).\n\nDoe, Roe, "A 1999 title", ICML 2020, arXiv:2001.00001, eq. 2.\nPoe, "B", NeurIPS 2019.\n'
    assert papers(about) == ["Doe and Roe 2020, arXiv:2001.00001", "Poe 2019"]
    assert papers("Mine.\n\nNothing is cited here.") == []
    assert family(about) == "Free (FAT)"


def test_a_variant_is_told_by_the_nearest_other():
    others = {"A": {"x": "1", "y.steps": "2"}, "B": {"x": "1", "y.steps": "3", "z": "0"}}
    said = "The same as A, but for these settings: y.steps 4"
    assert describe_variant({"x": "1", "y.steps": "4"}, others) == said
    assert describe_variant({str(i): "0" for i in range(9)}, others) == ""


def test_a_meaning_is_that_of_the_registration():
    registry: Registry[str] = Registry("shape")
    registry.add("round", "a circle", "has no corner")
    registry.add_family("corners-k", str, "k corners")
    assert [registry.meaning(name) for name in ("round", "corners-k", "nothing")] == ["has no corner", "k corners", ""]


def test_two_forms_of_a_table_are_one_too_many(bench):
    assert "give one of them" in bench("list", "methods", "--long", "--markdown")[2]
    assert "--markdown is of tables of names" in bench("list", "studies", "--markdown")[2]
