"""Facts about the code are kept, so that reports, lists and pages import no torch; what plug-ins add never is."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.commands import code_facts
from bench.commands.code_facts import MAX_STATES, Fact, facts_folder, recall
from bench.commands.list.output import as_names
from bench.commands.recipe_facts import _as_recipe_text, _find_recipe, recall_recipe
from bench.commands.show.recipe_cost import describe_cost
from bench.commands.site_sources import site_sources
from bench.report.site.data import SiteData
from bench.report.site.write import site_files
from bench.training.recipe import RECIPES

BASELINE = Path(__file__).parents[1] / "baseline"
WITHOUT_TORCH = """
import sys
from bench.cli import cli
for words in {commands!r}:
    try:
        cli(words, standalone_mode=False)
    except SystemExit as end:
        assert not end.code, words
    assert "torch" not in sys.modules, words
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder of facts, in a process that has no plug-in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("bench.core.foreign.plugins._outside", [])
    facts_folder.cache_clear()
    yield tmp_path / "cache/bench-facts"
    facts_folder.cache_clear()


@pytest.mark.parametrize("name", ["M2AT", "R-MC-LA", "TRADES-6+AWP", "BN-adv"])
def test_the_text_of_a_recipe_comes_back_from_its_file_as_it_was(home, name):
    live = recall_recipe(name)
    (file,) = home.rglob("recipe-*.json")
    assert _as_recipe_text(json.loads(file.read_text(encoding="utf-8"))) == live
    assert live.settings
    assert live.paper[0].text


@pytest.mark.slow
def test_reports_lists_and_pages_import_no_torch_once_the_facts_are_kept(home, tmp_path):
    results = tmp_path / "results"
    shutil.copytree(BASELINE, results)
    site_files(SiteData(results, site_sources(tmp_path)), frozenset())
    as_names("methods")
    recall("cost", "PGD-AT", lambda: Fact(describe_cost(RECIPES["PGD-AT"]), RECIPES.homes("PGD-AT")))
    folders = ["--results", str(results), "--reports", str(tmp_path / "reports")]
    commands = [
        ["report", *folders],
        ["report", "--cards", *folders],
        ["list", "methods"],
        ["show", "PGD-AT", *folders],
        ["compare", str(BASELINE), str(results)],
    ]
    code = WITHOUT_TORCH.format(commands=commands)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (page,) = (tmp_path / "reports/methods").glob("*.html")
    assert "Madry, Makelov, Schmidt" in page.read_text(encoding="utf-8")


def test_what_a_plug_in_adds_is_not_kept(home, monkeypatch):
    assert recall("recipe", "Mine", lambda: Fact("text", ["plugin_mine_01234567"])) == "text"
    assert recall_recipe("Nobody's") is None
    assert [json.loads(file.read_text(encoding="utf-8")) for file in home.rglob("*.json")] == [None]
    monkeypatch.setattr("bench.core.foreign.plugins._outside", ["mine.py"])
    recall("recipe", "PGD-AT", lambda: _find_recipe("PGD-AT"))
    assert len([*home.rglob("*.json")]) == 1


def test_other_code_has_other_facts_and_old_ones_go(home, tmp_path, monkeypatch):
    package = tmp_path / "site/methods"
    package.mkdir(parents=True)
    monkeypatch.setattr(code_facts, "PACKAGES", ("methods",))
    monkeypatch.setattr(code_facts, "entry_points", lambda group: ())
    monkeypatch.setattr(
        code_facts, "find_spec", lambda name: type("Spec", (), {"submodule_search_locations": [package]})
    )
    for number in range(MAX_STATES + 2):
        (package / "mine.py").write_text(f"lines = {number}")
        facts_folder.cache_clear()
        assert recall("lines", "mine", lambda number=number: Fact(number, ["methods.mine"])) == number
    kept = [json.loads(file.read_text(encoding="utf-8")) for file in home.rglob("*.json")]
    assert len(kept) == MAX_STATES
    assert number in kept


def test_a_home_that_cannot_be_written_to_costs_no_report(home, tmp_path):
    home.parent.write_text("a file in the place of the folder")
    assert recall_recipe("PGD-AT") is not None
