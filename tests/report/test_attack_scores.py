"""Boards say what the exam of attacks says of the attacks in their columns, and READMEs have its scores."""

import re
from pathlib import Path

import pandas as pd

from bench.attacks.parse import parse_attack
from bench.report.attack_scores.scores import FILE, AttackScore, score_texts, shipped_scores
from bench.report.table_formats.table_text import MISSING

ROOT = Path(__file__).parents[2]
SCORES = pd.read_csv(FILE).set_index("attack")


def rows(*attacks: str) -> pd.DataFrame:
    specs = [parse_attack(attack) for attack in attacks]
    named = [{"kind": "attack", "name": spec.name, "params": spec.params, "metric": "accuracy"} for spec in specs]
    return pd.DataFrame([*named, {"kind": "clean", "name": "", "params": "", "metric": "accuracy"}])


def test_a_column_says_what_its_attack_finds_if_its_settings_are_those_of_the_exam():
    share = shipped_scores()["PGD-20", parse_attack("PGD-20").params].share
    texts = score_texts(rows("PGD-20", "FGSM", "CW-20[step=2/255]"))
    assert {*texts} == {"PGD-20", "FGSM"}
    assert texts["PGD-20"] == f"in the exam of attacks it finds {share} of the errors that exist (bench exam)"


def test_two_uses_of_a_name_are_told_apart():
    (title,) = score_texts(rows("PGD-20", "PGD-20[restarts=5]"))
    assert title == "PGD-20 [restarts=1]"


def test_a_share_is_rounded_down():
    assert AttackScore(332, 333, 1.0).share == "99 %"


def cells(line: str) -> list[str]:
    """The cells of a line of a table in Markdown."""
    return [cell.strip() for cell in line.strip("| \n").split("|")]


def table(readme: Path, head: str) -> list[list[str]]:
    """The rows of the table whose first line begins so, that line included, without the line below it."""
    lines = [*readme.read_text(encoding="utf-8").splitlines(), ""]
    start = next(place for place, line in enumerate(lines) if line.startswith(head))
    end = next(place for place in range(start, len(lines)) if not lines[place].startswith("|"))
    first, _, *others = map(cells, lines[start:end])
    return [first, *others]


def test_the_readme_of_attacks_has_the_shipped_scores_of_all():
    first, *others = table(ROOT / "bench/attacks/README.md", "| attack | found of")
    groups = [name for name in first if name.startswith("`")]
    assert {line[0] for line in others} == {*SCORES.index}
    assert [int(line[1]) for line in others] == sorted(SCORES["found"], reverse=True)
    for name, *values in others:
        score, found = SCORES.loc[name], dict(zip(first[1:], values, strict=True))
        assert found[f"found of {score['exist']}"] == str(score["found"]), name
        assert sum(int(found[group]) for group in groups) == score["found"], name
        assert found[f"broke of {score['proved']}"] == str(score["broken"]), name
        assert found["radius"] == (MISSING if score["radius"] == float("inf") else f"{score['radius']:.2f}"), name
        assert found["passes"] == f"{score['forwards']:,.0f} + {score['backwards']:,.0f}", name


def test_the_main_readme_has_the_shipped_scores_of_some():
    first, found, broken, cost = table(ROOT / "README.md", "| [the exam]")
    names = first[1:]
    assert {"PGD-20", "AutoAttack", "StagedMargin"} <= {*names}
    assert found[1:] == [str(SCORES.loc[name, "found"]) for name in names]
    assert broken[1:] == [str(SCORES.loc[name, "broken"]) for name in names]
    for line, column in ((found, "exist"), (broken, "proved")):
        assert {*re.findall(r"\d+", line[0])} == {*SCORES[column].astype(str)}
    assert cost[1:] == [f"{SCORES.loc[name, 'forwards'] + SCORES.loc[name, 'backwards']:,.0f}" for name in names]
