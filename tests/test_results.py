"""What is written to a results folder is what is read back, and damage is named."""

import math
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pytest
from result_files import ROW, measure

from bench.errors import BadInput
from bench.results import FLOATS, TEXT, load, read_outcomes, read_rows, run_folders, store, write_atomically, write_json


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 1 / 3, "eps": 8 / 255, "ci_low": 1e-17, "severity": 5},
        {"value": None, "status": 'failed: "CUDA" ran out,\nof memory, at 3\r\nattempts'},
        {"params": '{"restarts": 5, "step": "2/255"}', "recipe": "NA", "verdict": "suspect: a; b, c"},
        {"recipe": "PGD-AT é", "name": "null", "partial": True, "seed": -1},
    ],
)
def test_a_row_survives_the_disk(tmp_path: Path, changes: dict[str, object]) -> None:
    row = replace(ROW, key="k", **changes)  # type: ignore[arg-type]
    store(tmp_path, row, None)
    assert read_rows(tmp_path) == [row]


def test_nan_reads_back_as_missing(tmp_path: Path) -> None:
    store(tmp_path, replace(ROW, key="k", value=math.nan), None)
    assert read_rows(tmp_path)[0].value is None


def test_equal_keys_replace_and_others_stay(tmp_path: Path) -> None:
    bits = np.array([True, False, True])
    for key, seconds in [("a", 1.0), ("b", 2.0), ("a", 3.0)]:
        store(tmp_path, replace(ROW, key=key, seconds=seconds), bits if seconds < 3 else ~bits)
    assert [(row.key, row.seconds) for row in read_rows(tmp_path)] == [("b", 2.0), ("a", 3.0)]
    outcomes = read_outcomes(tmp_path)
    assert outcomes["a"].tolist() == [False, True, False]
    assert outcomes["b"].tolist() == [True, False, True]
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
    frame = load(tmp_path)
    assert all(pd.api.types.is_string_dtype(frame[name]) and frame[name].notna().all() for name in TEXT)
    assert all(pd.api.types.is_float_dtype(frame[name]) for name in [*FLOATS, "severity"])
    assert all(pd.api.types.is_integer_dtype(frame[name]) for name in ("seed", "n", "protocol"))
    assert pd.api.types.is_bool_dtype(frame["partial"])
    assert frame["budget"].tolist() == ["quick", "quick"]
    assert frame["value"].isna().tolist() == [False, True]


def test_an_empty_folder_loads_as_no_rows(tmp_path: Path) -> None:
    assert load(tmp_path).empty


def test_published_boards_are_read_only_when_named(tmp_path: Path) -> None:
    measure(tmp_path / "published" / "board", "", "1100")
    assert run_folders(tmp_path) == []
    assert len(load(tmp_path / "published" / "board")) == 1


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("run,recipe", "recipe,run", 1, "not the columns"),
        (",ok,", ",", 2, "fields where"),
        ("accuracy,0.5", "accuracy,half", 2, "half"),
        (",False,", ",no,", 2, "neither True nor False"),
        ("{}", "[]", 2, "not a JSON object"),
        ("{}", "{", 2, "Expecting"),
        ("cpu", "\udcff", 2, "utf-8"),
    ],
)
def test_damaged_rows_are_named_by_file_and_line(tmp_path: Path, old: str, new: str, line: int, problem: str) -> None:
    path = tmp_path / measure(tmp_path, "", "1100").run / "results.csv"
    text = path.read_text()
    assert old in text
    path.write_bytes(text.replace(old, new).encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=problem) as raised:
        load(tmp_path)
    # text that cannot be decoded is found while reading ahead, so its line is not known exactly
    assert str(path) in str(raised.value)
    assert problem == "utf-8" or f"line {line}:" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_empty_csv_is_damage(tmp_path: Path) -> None:
    path = tmp_path / measure(tmp_path, "", "1100").run / "results.csv"
    path.write_text("")
    with pytest.raises(BadInput, match="line 1"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_damaged_outcomes_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "outcomes.npz").write_bytes(content)
    with pytest.raises(BadInput, match=r"outcomes\.npz cannot be read"):
        read_outcomes(tmp_path)


def test_cut_outcomes_are_named(tmp_path: Path) -> None:
    store(tmp_path, replace(ROW, key="k"), np.random.default_rng(0).random(10_000) < 0.5)
    path = tmp_path / "outcomes.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:200] + bytes(50) + whole[250:])
    with pytest.raises(BadInput, match=r"outcomes\.npz cannot be read"):
        read_outcomes(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_damaged_job_is_named(tmp_path: Path, text: str) -> None:
    run = measure(tmp_path, "", "1100").run
    write_json(tmp_path / run / "job.json", {})
    (tmp_path / run / "job.json").write_text(text)
    with pytest.raises(BadInput, match=r"job\.json is not"):
        load(tmp_path)
