"""`bench exam`: its table, its files and what it refuses; `bench check` of attacks."""

import re

import pandas as pd
import pytest

from bench.attacks.spec import ATTACKS
from bench.commands.exam import ANSWER_COLUMNS, default_attacks
from bench.evaluation.exam.scores import COLUMNS

PLUGIN = """
from bench import ATTACKS

def mine(model, x, y, threat):
    return x {change}

ATTACKS.add("Mine", mine, "returns images as they are, or nearly")
"""


def test_the_table_has_a_line_for_each_attack_and_files_have_every_question(bench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = bench("exam", "FGSM,PGD-5[step=0.5eps,restarts=2]", "FGSM", "--quick", "--out", "all.csv",
                           "--scores", "scores.csv", "--markdown", "table.md")  # fmt: skip
    assert code == 0, err
    assert re.search(r"^ *FGSM +\d+ of \d+ .* 0 of \d+ .* ok", out, re.M), out
    assert "2 of 2 attacks broke nothing that is proved" in out
    answers, scores = pd.read_csv("all.csv"), pd.read_csv("scores.csv")
    assert [*answers] == ANSWER_COLUMNS
    assert [*scores] == COLUMNS
    assert [*scores["attack"]] == ["FGSM", "PGD-5"]
    for _, line in scores.iterrows():
        own = answers[answers["attack"] == line["attack"]]
        assert line["found"] == (own["exists"] & own["broken"]).sum()
        assert (line["exist"], line["proved"]) == (own["exists"].sum(), (~own["exists"]).sum())
    with open("table.md", encoding="utf-8") as file:
        assert len(file.read().splitlines()) == 4


def test_all_attacks_for_linf_are_examined_by_default():
    names = [attack.name for attack in default_attacks()]
    assert {"FGSM", "PGD-20", "CW-100", "MultiTarget", "AutoAttack", "Square"} <= {*names}
    assert not {"CW-L2", "CW-L2.20x5", "AutoAttack+"} & {*names}
    assert "FMN-Linf" in names
    assert not {"FMN-L2", "DDN"} & {*names}
    assert {*names} <= {*ATTACKS, "PGD-20", "PGD-100", "CW-20", "CW-100"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["Nonsense"], "no attack or suite named 'Nonsense'"),
        (["PGD-20", "CW-L2"], "attack CW-L2 measures distances in L2, and the exam has answers for Linf alone"),
        (["FGSM", "--norm", "L2"], "the exam has answers for Linf alone, and none for L2; leave --norm out"),
        (["FGSM", "--out", "no/where.csv"], "no/where.csv cannot be written, no is no folder"),
        (["FGSM", "--onnx", "net.onnx"], "--onnx names a network and --vnnlib the questions about it; give both"),
        (["FGSM", "--answer", "sat"], "--answer is of --onnx and --vnnlib"),
        (["FGSM", "--onnx", "n.onnx", "--vnnlib", "p.vnnlib", "--quick"], "--quick is of the exam's own questions"),
        (["FGSM", "--seeds", "0,0"], "0 is there twice"),
    ],
)
def test_bad_input_is_one_line(bench, words, message):
    code, out, err = bench("exam", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


@pytest.mark.parametrize(("change", "code", "verdict"), [("", 0, "ok"), ("+ 0.5", 1, "invalid: left the ball")])
def test_check_examines_the_attacks_of_a_plugin(bench, tmp_path, monkeypatch, change, code, verdict):
    monkeypatch.setattr(ATTACKS, "_items", dict(ATTACKS._items))
    (tmp_path / "mine.py").write_text(PLUGIN.format(change=change), encoding="utf-8")
    ended, out, err = bench("check", "mine.py")
    assert ended == code, err
    assert verdict in out
    assert "1 attack examined by a third of the questions" in out
    assert "methods keep the contract" not in out
