"""Every name of `from bench import ...` and every attack has a docstring with an example that runs."""

import doctest
import inspect
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import bench
from bench import ATTACKS
from bench.attacks.search_settings import SearchSettings
from bench.core.registry import Registry

ROOT = Path(__file__).parents[1]
PUBLIC = {name: getattr(bench, name) for name in bench.__all__}
VOCABULARY = {name: item for name, item in PUBLIC.items() if inspect.isclass(item) or inspect.isfunction(item)}
FUNCTIONS = {getattr(attack, "func", attack) for attack in ATTACKS.values()}
FUNCTIONS |= {getattr(make(3), "func", make(3)) for make in ATTACKS._families._makers.values()}
OF_ATTACKS = {inspect.getdoc(function).partition(":")[0]: function for function in FUNCTIONS}
OF_ATTACKS = dict(sorted(OF_ATTACKS.items()))  # a set has another order in each process of pytest-xdist
DOCUMENTED = VOCABULARY | OF_ATTACKS | {"Registry": Registry, "Registry.add": Registry.add}
WITHOUT_EXAMPLE = {  # they need weights or data, or the examples of others show them
    "Adversary", "Registry", "load_model",
}  # fmt: skip
RAISE = {  # which of the vocabulary say what they raise
    "Ascent", "Attacked", "Images", "Targeted", "add_branches", "add_masks", "benchmark", "branch", "corrupted",
    "dataset", "load_model", "load_results", "outcomes", "parse_attack", "plain", "transferred", "tuned",
}  # fmt: skip


def example(name: str) -> doctest.DocTest:
    finder = doctest.DocTestFinder(recurse=False)
    (found,) = finder.find(DOCUMENTED[name], name, module=False, globs={})
    return found


EXAMPLES = [name for name in DOCUMENTED if example(name).examples]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_true(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    report: list[str] = []
    assert not doctest.DocTestRunner().run(example(name), out=report.append).failed, "".join(report)


def test_the_vocabulary_has_examples():
    assert {*VOCABULARY} - {*EXAMPLES} == WITHOUT_EXAMPLE & {*VOCABULARY}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_docstring_explains_every_argument(name):
    item = DOCUMENTED[name]
    text = inspect.getdoc(item) or ""
    if "`SearchSettings`" in text:  # the settings that several attacks share are explained there
        text += inspect.getdoc(SearchSettings) or ""
    assert text.splitlines()[0].endswith((".", ":"))
    if inspect.isfunction(item):
        taken = [argument for argument in inspect.signature(item).parameters if argument != "self"]
    else:
        taken = [field.name for field in fields(item) if not field.kw_only] if is_dataclass(item) else []
    assert [argument for argument in taken if argument not in text] == []
    if "Args:" in text and name not in ("Recipe", "AttackSpec"):
        assert [argument for argument in taken if f"    {argument}: " not in text] == []
    if name in RAISE or name in OF_ATTACKS:
        assert "Raises:\n" in text
