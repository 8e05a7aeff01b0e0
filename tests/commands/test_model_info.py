"""`--model-info`: the JSON of RobustBench's board, which needs AutoAttack and takes facts from the user."""

import json

import pytest
from outside_models import write

from bench import ATTACKS, BadInput
from bench.commands.evaluate.model_info import GIVEN_FIELDS, parse_facts, unknown_facts
from bench.results.load import load_results


@pytest.fixture(autouse=True)
def _quick_autoattack(monkeypatch):
    """FGSM under AutoAttack's name, to be fast; no test here depends on its strength."""
    assert "AutoAttack" in ATTACKS, "registered before it is replaced, also where this file is run alone"
    monkeypatch.setitem(
        ATTACKS._items, "AutoAttack", lambda model, x, y, threat, *, block=128: ATTACKS["FGSM"](model, x, y, threat)
    )


def test_autoattack_is_added_and_what_people_know_is_written(bench, tmp_path):
    asked = ["eval", "--model", f"{write(tmp_path)}:nearest", "--attacks", "FGSM", "--limit", "12"]
    code, out, err = bench(*asked, "--model-info", "info.json")
    assert code == 0, err
    assert "--model-info needs AutoAttack, which is added to --attacks FGSM" in err
    assert set(load_results(tmp_path / "results")["name"]) == {"", "FGSM", "AutoAttack"}
    unknown = "(unknown: link, authors, venue, additional_data, number_forward_passes, reported; give each by --info"
    assert unknown in out

    said = ["link=https://example.org", "name=A net", "authors=A, B", "venue=ICML 2026", "additional_data=true"]
    facts = [word for text in [*said, "number_forward_passes=2", "reported=41.5"] for word in ("--info", text)]
    code, out, err = bench(*asked, "--model-info", "info.json", *facts)
    assert code == 0, err
    written = json.loads((tmp_path / "info.json").read_text())
    assert [written[field] for field in GIVEN_FIELDS] == [
        "https://example.org", "A net", "A, B", "ICML 2026", True, 2, "41.50",
    ]  # fmt: skip
    assert None not in written.values()
    assert "unknown" not in out


REFUSED = {
    "--attacks none": "--attacks none asks for no attack; leave --attacks out, or give --attacks AutoAttack",
    "--eps 0.1,0.2": "names 2; give one of them: bench eval --model means.py:nearest --attacks AutoAttack",
    "--sweep 0,0.1,0.2": "--sweep attacks at several; give a run of its own: bench eval --model means.py:nearest",
    "--shard 1/2": "--model-info needs all images; merge the shards",
    "--info year=2026": "--info year=2026: the form is FIELD=VALUE, with one of link, name, authors",
    "--info link=a --info link=b": "--info link is given twice; give it once",
    "--info additional_data=maybe": "'maybe' is not true or false",
    "--info number_forward_passes=0": "'0' is not a whole number from 1",
    "--info reported=good": "'good' is not an accuracy in percent",
    "--info venue=": "--info venue=: one line of text is to stand after =",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_cannot_be_on_the_board_is_one_line_before_a_model_is_loaded(bench, tmp_path, arguments):
    asked = ["eval", "--model", "means.py:nearest", "--model-info", "info.json"]  # there is no such file
    code, _, err = bench(*asked, *arguments.split())
    assert (code, err.count("\n")) == (2, 1)
    assert REFUSED[arguments] in err
    assert not any(tmp_path.iterdir())


def test_info_is_of_model_info(bench):
    assert "--info link=a is of --model-info FILE" in bench("eval", "--model", "x", "--info", "link=a")[2]


def test_a_fact_that_nobody_has_said_is_named():
    assert parse_facts(["reported=41.5%", "venue=A=B"]) == {"reported": "41.50", "venue": "A=B"}
    with pytest.raises(BadInput, match="the form is FIELD=VALUE"):
        parse_facts(["link"])
    entry = dict.fromkeys(GIVEN_FIELDS, "x")
    assert unknown_facts(entry) == ""
    assert unknown_facts(entry | {"reported": None}).startswith(" (unknown: reported;")
