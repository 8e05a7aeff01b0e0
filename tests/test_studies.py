"""Studies: a grid carried out by one command, and claims that are read off its rows alone."""

import math
import re
from itertools import product

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from result_files import measure
from small import images, net

import methods  # noqa: F401
from bench import RECIPES
from bench.attacks import parse_attack
from bench.cli import cli
from bench.data import Images
from bench.diagnostics import DIAGNOSTICS, gradient
from bench.errors import BadInput
from bench.evaluate import outcomes
from bench.inspected import Diagnosed
from bench.registry import Registry
from bench.rows import measured
from bench.studies import STUDIES, Item, Part, Study
from bench.studies.claims import CLAIMS, findings
from bench.studies.measured import verdict
from bench.studies.pages import page, started
from bench.studies.scales import spelled

ANY = ("", "FGSM.last", "PGD-7.last", "PGD-20.last", "CW-20.last", "MC.last", "LL.last", "AutoAttack")
VIEWS = ("main", "p0.8", "p0.6", "p0.4", "p0.2")


@pytest.fixture(params=STUDIES)
def study(request):
    return STUDIES[request.param]


def test_every_name_in_a_study_is_registered(study):
    for part in study.parts:
        assert set(part.methods) <= set(RECIPES)
        assert set(part.diagnostics) <= set(DIAGNOSTICS)
        for attack in part.attacks:
            parse_attack(spelled(attack, part.eps, "digits"))


# claims


def made(changes: dict[tuple[str, str, str], float] | None = None, n: int = 1000) -> pd.DataFrame:
    """Rows of everything the claims read, all alike but for the changes: (recipe, attack, view) -> value."""
    recipes = {method for part in STUDIES["claims"].parts for method in part.methods}
    values = dict.fromkeys(product(sorted(recipes), ANY, VIEWS), 0.5) | (changes or {})
    common = {"epoch": "last", "status": "ok", "source": "", "seed": 0, "n": n, "metric": "accuracy", "params": ""}
    rows = [
        common | {"recipe": recipe, "name": attack, "view": view, "value": value}
        for (recipe, attack, view), value in values.items()
    ]
    norms = [("Standard", 1.0, 2.0, 0.5), ("PGD-AT.7x2", 0.01, 0.02, 0.005)]
    rows += [
        common | {"recipe": r, "name": "gradient", "view": "main", "metric": f"mean {group}", "value": value}
        for r, *numbers in norms
        for group, value in zip(("all", "wrong", "right"), numbers, strict=True)
    ]
    return pd.DataFrame(rows)


def verdicts(rows: pd.DataFrame) -> list[str]:
    return re.findall(r"^\d+\. \*\*(.*)\.\*\*", findings(rows), re.M)


def test_equal_numbers_hold_no_claim_that_is_about_a_difference():
    close = "not held, within chance"
    assert verdicts(made()) == ["not held", *[close] * 6, "held", close]  # the first is about numbers near 0, too


def test_a_claim_holds_where_all_its_comparisons_do():
    better = {("TLAT", "", "main"): 0.9, ("TFGSM-AT", "", "main"): 0.8}
    assert verdicts(made(better))[6] == "held"
    assert verdicts(made(better | {("TFGSM-AT", "", "main"): 0.4}))[6] == "not held"
    assert verdicts(made(better, n=10))[6] == "held, in part within chance"
    assert verdicts(made({("TLAT", "", "main"): 0.9, ("TFGSM-AT", "", "main"): 0.49}))[6] == "not held, within chance"
    way = [("PGD-AT.robmask", "main"), *(("BN-std", f"p{p}") for p in (0.8, 0.6, 0.4, 0.2)), ("BN-std", "main")]
    changes = {(r, "", view): 0.5 + i / 20 for i, (r, view) in enumerate(way)}
    changes |= {(r, "PGD-20.last", view): 0.5 - i / 10 for i, (r, view) in enumerate(way)}
    assert verdicts(made(changes))[5] == "held"
    assert verdicts(made(changes | {("BN-std", "", "p0.4"): 0.1}))[5] == "not held"


def test_what_was_not_measured_is_said_and_never_held():
    rows = made({("TLAT", "", "main"): 0.9, ("TFGSM-AT", "", "main"): math.nan})
    assert verdicts(rows)[6] == "not measured"
    assert "not measured: TLAT clean 90.0 > TFGSM-AT clean not measured" in findings(rows)
    assert set(verdicts(made().head(0))) == {"not measured"}


def test_numbers_of_two_settings_are_not_mixed():
    rows = made({("TLAT", "", "main"): 0.9, ("TFGSM-AT", "", "main"): 0.8})
    twice = pd.concat([rows, rows[rows["recipe"] == "TLAT"].assign(params="other", value=0.1)])
    assert verdicts(rows)[6] == "held"
    assert verdicts(twice)[6] == "not measured"


def test_every_radius_has_a_section_of_its_own(tmp_path):
    for eps, value in ((0.1, "1111000000"), (0.3, "1000000000")):
        measure(tmp_path, "PGD-20.last", value, eps=eps)
    text = page("claims", tmp_path)
    assert "Linf 0.1, " in text
    assert "Linf 0.3, " in text
    assert "PGD-AT under PGD-20.last 40.0" in text
    assert "PGD-AT under PGD-20.last 10.0" in text


def test_a_failed_comparison_decides_even_where_another_is_missing():
    rows = made({("TLAT", "", "main"): 0.1, ("FGSM-AT", "", "main"): math.nan})
    assert verdicts(rows)[6] == "not held"


@pytest.mark.parametrize(("n", "word"), [(1000, "yes: TLAT"), (10, r"yes (within chance): TLAT")])
def test_differences_that_chance_makes_are_marked(n, word):
    assert word in findings(made({("TLAT", "", "main"): 0.7}, n))


def test_no_claim_is_empty():
    assert verdict([]) == "held"  # so that it would not be noticed below
    lines = findings(made()).splitlines()
    heads = [i for i, line in enumerate(lines) if not line.startswith(" ")]
    assert len(heads) == len(CLAIMS) == 9
    assert all(lines[i + 1].startswith("    - ") for i in heads)


# diagnostics


def test_squared_gradients_of_a_softmax_of_a_linear_model():
    """g = |W'(p - e_y)|^2 in [0, 1] coordinates, a quarter of it in [-1, 1]."""
    x, y = images(), torch.arange(5)
    weight = torch.randn(5, 3 * 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 64, 5, bias=False)).double()
    model[1].weight.data = weight
    p = model(x).softmax(1).detach()
    want = ((p - torch.eye(5)[y]) @ weight).square().sum(1) / 4
    assert torch.allclose(gradient(model, x, y), want)


def test_statistics_are_those_of_their_group():
    model, x = net().eval(), images().repeat(4, 1, 1, 1)
    y = model(x).argmax(1)
    y[:3] = (y[:3] + 1) % 10  # wrong
    values = gradient(model, x, y)
    for statistic, group in product(("min", "mean", "max"), ("all", "right", "wrong")):
        condition = Diagnosed("gradient", statistic, group)
        outcome = outcomes(model, Images(x, y), condition, batch_size=7)
        chosen = {"all": values, "right": values[3:], "wrong": values[:3]}[group]
        value, low, high, n = measured(condition, outcome, len(x))
        assert value == pytest.approx(getattr(chosen, statistic)().item(), rel=1e-12)
        assert (n, low, high) == (len(chosen), None, None)
    nothing = outcomes(model, Images(x[3:], y[3:]), Diagnosed("gradient", "mean", "wrong"))
    assert measured(Diagnosed("gradient", "mean", "wrong"), nothing, 17) == (None, None, None, 0)


# the command


@pytest.fixture
def tiny(monkeypatch):
    """A study that trains two recipes and diagnoses one."""
    parts = (
        Part(("Standard", "TLAT"), ("PGD-5",)),
        Part(("Standard",), diagnostics=("gradient",)),
    )
    registry = Registry("study")
    item = Item("counts", "how many rows", parts)
    registry.add("tiny", Study("two recipes", (item,), lambda rows: f"{len(rows)} rows\n"))
    for module in ("bench.replication", "bench.studies.pages"):
        monkeypatch.setattr(f"{module}.STUDIES", registry)


def test_one_command_carries_a_study_out_and_the_report_repeats_its_page(tiny, tmp_path):
    places = ["--results", str(tmp_path / "results"), "--reports", str(tmp_path / "reports")]
    asked = ["run", "--study", "tiny", "--limit-train", "100", "--epochs", "1", "--limit", "30", "--workers", "1"]

    def call(*arguments: str) -> str:
        found = CliRunner().invoke(cli, [*arguments, *places], standalone_mode=False)
        assert found.exception is None
        return found.output

    assert "2 trainings, 14 of 14 cells to do" in call(*asked, "--dry-run")
    first = call(*asked)
    assert "## digits, cnn, Linf 0.2, quick, 1 epochs, 100 training images, n=30, seeds 0\n\n13 rows" in first
    assert "0 trainings, 0 of 14 cells" in call(*asked, "--dry-run")
    assert "13 rows" in call("report", "--study", "tiny")
    assert "13 rows" in (tmp_path / "reports/tiny/tiny.md").read_text()
    assert started(tmp_path / "results") == ["tiny"]
    assert "13 rows" in call("report", "--study", "all")
    assert "13 rows" not in call("report")


def test_a_study_without_results_says_which_command_makes_them(tmp_path):
    with pytest.raises(BadInput, match="`bench run --study claims` makes them"):
        page("claims", tmp_path)


@pytest.mark.parametrize("option", ["--methods", "--attacks"])
def test_a_study_brings_its_own_methods_and_attacks(option):
    found = CliRunner().invoke(cli, ["run", "--study", "claims", option, "PGD-AT"], standalone_mode=False)
    assert isinstance(found.exception, BadInput)
    assert f"brings a grid of its own; leave {option} out" in str(found.exception)


def test_an_unknown_study_is_named(tmp_path):
    found = CliRunner().invoke(cli, ["run", "--study", "claim"], standalone_mode=False)
    assert isinstance(found.exception, BadInput)
    assert "did you mean claims?" in str(found.exception)
