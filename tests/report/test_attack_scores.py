"""Boards say what the exam of attacks says of the attacks in their columns."""

import pandas as pd

from bench.attacks.parse import parse_attack
from bench.report.attack_scores.scores import AttackScore, score_texts, shipped_scores


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
