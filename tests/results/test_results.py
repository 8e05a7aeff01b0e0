"""What is written to a results folder is read back unchanged, and damaged files are reported."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pytest
from result_files import ROW, measure, store

from bench.core.errors import BadInput
from bench.core.files import write_atomically, write_csv, write_json
from bench.core.stats import wilson
from bench.results.load import load_results
from bench.results.outcome_checks import check_bits
from bench.results.row import COLUMNS, FLOATS, TEXT, Row
from bench.results.row_checks import check_row, check_value
from bench.results.store import read_outcomes, read_rows, read_run
from bench.results.survey import run_folders


def half(**changes: Any) -> Row:
    """A row of ten images, five of them right."""
    low, high = wilson(5, 10)
    return replace(ROW, **({"key": "k", "value": 0.5, "ci_low": low, "ci_high": high} | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "corruption", "severity": 5, "params": '{"made": "generated", "table": 32}', "name": "fog"},
        {"value": None, "ci_low": None, "ci_high": None, "status": 'failed: "CUDA" ran out,\nof memory, at 3\r\ntimes'},
        {"params": '{"restarts": 5, "step": "0.0078"}', "verdict": "suspect: a; b, c", "name": "null"},
        {"recipe": "NA", "run": "digits/cnn/NA/s0-aaaa", "partial": True, "verdict": "suspect: é"},
        {"metric": "median radius", "value": math.inf, "kind": "sweep", "name": "PGD-5", "norm": "Linf", "eps": 8 / 255}
        | {"ci_low": 1e-17, "ci_high": math.inf, "params": '{"sweep": [0.0, 0.1]}'},
    ],
)
def test_a_row_survives_the_disk(tmp_path: Path, changes: dict[str, object]) -> None:
    row = half(**changes)
    store(tmp_path, row, None)
    assert read_rows(tmp_path) == [row]


def test_nan_reads_back_as_missing(tmp_path: Path) -> None:
    store(tmp_path, half(value=math.nan, ci_low=None, ci_high=None, status="failed: no"), None)
    assert read_rows(tmp_path)[0].value is None


def test_equal_keys_replace_and_others_stay(tmp_path: Path) -> None:
    bits = np.arange(10) % 2 == 0
    for key, seconds in [("a", 1.0), ("b", 2.0), ("a", 3.0)]:
        store(tmp_path, half(key=key, seconds=seconds), bits if seconds < 3 else ~bits)
    assert [(row.key, row.seconds) for row in read_rows(tmp_path)] == [("b", 2.0), ("a", 3.0)]
    outcomes = read_outcomes(tmp_path)
    assert (outcomes["a"] == ~bits).all()
    assert (outcomes["b"] == bits).all()
    assert outcomes["a"].dtype == bool


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, lambda file: file.write(b"old"))

    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_load_has_text_and_numbers_and_the_budget(tmp_path: Path) -> None:
    measure(tmp_path, "", "1100")
    measure(tmp_path, "FGSM", None, status="failed: no")
    frame = load_results(tmp_path)
    assert all(pd.api.types.is_string_dtype(frame[name]) and frame[name].notna().all() for name in TEXT)
    assert all(pd.api.types.is_float_dtype(frame[name]) for name in [*FLOATS, "severity"])
    assert all(pd.api.types.is_integer_dtype(frame[name]) for name in ("seed", "n", "protocol"))
    assert pd.api.types.is_bool_dtype(frame["partial"])
    assert frame["budget"].tolist() == ["quick", "quick"]
    assert frame["value"].isna().tolist() == [False, True]


def test_an_empty_folder_loads_as_no_rows(tmp_path: Path) -> None:
    assert load_results(tmp_path).empty


def test_published_boards_are_read_only_when_named(tmp_path: Path) -> None:
    measure(tmp_path / "published" / "board", "", "1100")
    assert run_folders(tmp_path) == []
    assert len(load_results(tmp_path / "published" / "board")) == 1


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("run,recipe", "recipe,run", 1, "not the columns"),
        (",ok,", ",", 2, "fields where"),
        ("accuracy,0.5", "accuracy,half", 2, "half"),
        (",False,", ",no,", 2, "neither True nor False"),
        ("{}", "[]", 2, "not a JSON object"),
        ("{}", "{", 2, "Expecting"),
        ("cpu", "\udcff", 2, "not UTF-8"),
    ],
)
def test_damaged_rows_are_named_by_file_and_line(tmp_path: Path, old: str, new: str, line: int, problem: str) -> None:
    path = tmp_path / measure(tmp_path, "", "1100").run / "results.csv"
    text = path.read_text()
    assert old in text
    path.write_bytes(text.replace(old, new).encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=problem) as raised:
        load_results(tmp_path)
    assert f"{path} line {line}:" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_empty_csv_is_damage(tmp_path: Path) -> None:
    path = tmp_path / measure(tmp_path, "", "1100").run / "results.csv"
    path.write_text("")
    with pytest.raises(BadInput, match="line 1"):
        load_results(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_damaged_outcomes_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "outcomes.npz").write_bytes(content)
    with pytest.raises(BadInput, match=r"outcomes\.npz cannot be read"):
        read_outcomes(tmp_path)


def test_cut_outcomes_are_named(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).random(10_000) < 0.5
    low, high = wilson(int(bits.sum()), 10_000)
    store(tmp_path, half(value=bits.mean(), ci_low=low, ci_high=high, n=10_000), bits)
    store(tmp_path, half(key="other"), np.arange(10) < 5)
    path = tmp_path / "outcomes.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes(50) + whole[250:])
    with pytest.raises(BadInput, match=r"outcomes\.npz is damaged: the outcomes k cannot be read .* delete the line"):
        read_outcomes(tmp_path)
    rows = tmp_path / "results.csv"
    rows.write_text("".join(line for line in rows.read_text().splitlines(True) if not line.endswith(",k\n")))
    assert [*read_outcomes(tmp_path)] == ["other"]  # the way out loses one cell


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + text,
        lambda text: text + text.splitlines()[1],
    ],
    ids=["byte order mark", "blank lines", "other line ends", "twice with its head", "a line twice, cut at its end"],
)
def test_what_editors_and_cat_do_to_rows_is_read_over(tmp_path: Path, change: Callable[[str], str]) -> None:
    store(tmp_path, half(key="a"), np.arange(10) < 5)
    store(tmp_path, half(key="b"), np.arange(10) > 4)
    rows, path = read_rows(tmp_path), tmp_path / "results.csv"
    path.write_bytes(change(path.read_text()).encode())
    assert read_rows(tmp_path) == rows
    store(tmp_path, rows[0], None)
    assert len(path.read_text().splitlines()) == 3  # and is gone with the next row that is stored


LONG = "9" * 5000
HOSTILE: list[tuple[dict[str, object], str]] = [
    ({"value": 0.9}, "its interval .* is that of another"),
    ({"value": 97.0}, "not a share from 0 to 1"),
    ({"value": math.inf}, "not a share from 0 to 1"),
    ({"value": -1.0}, "not a share from 0 to 1"),
    ({"value": "nan"}, "not a share from 0 to 1"),
    ({"value": 0.55}, "not a share of 10 images"),
    ({"value": None}, "no value, and no failure either"),
    ({"status": "failed: no"}, "a value, 0.5, of a cell that failed"),
    ({"status": "fine"}, "neither ok nor failed"),
    ({"ci_low": 0.0}, "is that of another"),
    ({"ci_high": None}, "is that of another"),
    ({"n": LONG}, "n is '9+...', not a whole number"),
    ({"n": 10**12}, "not a number of images"),
    ({"n": "1_0"}, "not a whole number"),
    ({"n": "\u0661\u0660"}, "not a whole number"),
    ({"seed": 1}, "seed is not that of the run"),
    ({"recipe": "TRADES-6"}, "is not that of the run"),
    ({"run": "../../../x"}, "names no run folder"),
    ({"run": f"digits/cnn/PGD-AT/s0-{'a' * 300}"}, "names no run folder"),
    ({"view": "main/../../../../../victim/cron"}, "view is .* no name"),
    ({"epoch": ".."}, "epoch is .* no name"),
    ({"source": "../somewhere"}, "names no model"),
    ({"source": "PGD-AT"}, "names no model"),
    ({"source": "digits/cnn/../../x"}, "names no model"),
    ({"kind": "attack"}, "attack without a name, norm or radius"),
    ({"kind": "magic"}, "kind is 'magic'"),
    ({"norm": "L7"}, "norm is 'L7'"),
    ({"eps": "nan", "norm": "Linf"}, "not a radius"),
    ({"severity": 3}, "severity is 3 of a row of kind clean"),
    ({"verdict": "<b>fine</b>"}, "neither ok nor suspect"),
    ({"seconds": -1.0}, "seconds is -1"),
    ({"params": "[" * 50_000 + "]" * 50_000}, "nested deeper"),
    ({"params": "{" + '"a":{' * 30 + "}" * 31}, "nested deeper"),
    ({"params": '{"a": ' + LONG + "}"}, "params|limit|digits"),
    ({"params": '{"a": "\\ud800"}'}, "surrogates not allowed"),
    ({"kind": "sweep", "name": "F", "norm": "L2", "eps": 1.0, "params": "{}"}, "sweep is None, not a list of radii"),
    ({"kind": "union", "name": "F", "norm": "L2", "eps": 1.0, "severity": 1, "params": "{}"}, "lack the settings"),
    ({"kind": "corruption", "severity": 1, "params": "{}"}, "do not say how the corrupted images were made"),
    ({"kind": "attack", "name": "F", "norm": "L2", "eps": 1.0, "params": '{"steps": "many"}'}, "steps is 'many'"),
    ({"kind": "attack", "name": "F", "norm": "L2", "eps": 1.0, "params": '{"step": "far"}'}, "not a length"),
    ({"key": ""}, "key is missing"),
]


@pytest.mark.parametrize(("changes", "said"), HOSTILE, ids=[f"{i} {next(iter(c))}" for i, (c, _) in enumerate(HOSTILE)])
def test_rows_that_cannot_be_are_refused_by_line(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    store(tmp_path, half(key="other"), np.arange(10) < 5)
    store(tmp_path, half(), np.arange(10) < 5)
    good, odd = vars(half(key="other")), vars(half()) | changes
    write_csv(tmp_path / "results.csv", COLUMNS, [good, odd])
    with pytest.raises(BadInput, match=said) as raised:
        read_rows(tmp_path)
    message = str(raised.value)
    assert f"{tmp_path / 'results.csv'} line 3" in message
    assert message.endswith("delete that line and run again: its cell alone is computed anew")
    assert message.isprintable()
    assert len(message) < 600


@pytest.mark.parametrize(
    ("bits", "said"),
    [
        (np.arange(10) < 6, "the value is 0.5, and by the outcomes of its images 6 of 10"),
        (np.arange(9) < 5, "n is 10, and there are outcomes of 9 images"),
        (np.zeros(0, bool), "n is 10, and there are outcomes of 0 images"),
    ],
)
def test_a_value_and_its_bits_are_compared_wherever_rows_are_read(
    tmp_path: Path, bits: np.ndarray[Any, Any], said: str
) -> None:
    write_csv(tmp_path / "results.csv", COLUMNS, [vars(half())])
    np.savez_compressed(tmp_path / "outcomes.npz", k=bits)
    for read in (read_rows, read_outcomes, read_run):
        with pytest.raises(BadInput, match=said) as raised:
            read(tmp_path)
        assert "results.csv line 2, clean accuracy: " in str(raised.value)
    assert read_run(tmp_path, compare=False)[0] == [half()]


@pytest.mark.parametrize("bits", [np.zeros(10), np.zeros(10, int), np.zeros((2, 5), bool), np.array(True)])
def test_outcomes_of_another_type_are_refused(tmp_path: Path, bits: np.ndarray[Any, Any]) -> None:
    write_csv(tmp_path / "results.csv", COLUMNS, [vars(half())])
    np.savez_compressed(tmp_path / "outcomes.npz", k=bits)
    with pytest.raises(BadInput, match=r"outcomes\.npz is damaged: the outcomes k"):
        read_rows(tmp_path)


def test_two_rows_of_one_cell_that_differ_are_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "results.csv", COLUMNS, [vars(half()), vars(half(seconds=7.0))])
    with pytest.raises(BadInput, match="line 3: clean accuracy has another seconds than in line 2, for the same cell"):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    ("metric", "value", "n", "right", "fits"),
    [
        ("success rate", 0.75, 8, 2, True),
        ("success rate", 0.75, 8, 3, False),
        ("mean distance", 0.3, 6, 2, True),
        ("mean distance", 0.3, 11, 2, False),
        ("mean right", 4.5, 2, 2, True),
        ("mean right", 4.5, 3, 2, False),
        ("min wrong", 4.5, 8, 2, True),
        ("max all", 4.5, 9, 2, False),
        ("share", 0.5, 4, 2, True),
        ("area", 0.5, 10, 2, True),
        ("median radius", math.inf, 10, 2, True),
    ],
)
def test_other_numbers_than_accuracies_have_rules_of_their_own(
    metric: str, value: float, n: int, right: int, fits: bool
) -> None:
    low, high = wilson(6, 8) if metric == "success rate" else (None, None)
    row = half(metric=metric, value=value, n=n, ci_low=low, ci_high=high)
    check_row(row)
    check_value(row)
    with nullcontext() if fits else pytest.raises(ValueError, match=r"n is|the value is"):
        check_bits(row, np.arange(10) < right)


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_damaged_job_is_named(tmp_path: Path, text: str) -> None:
    run = measure(tmp_path, "", "1100").run
    write_json(tmp_path / run / "job.json", {})
    (tmp_path / run / "job.json").write_text(text)
    with pytest.raises(BadInput, match=r"job\.json is not"):
        load_results(tmp_path)
