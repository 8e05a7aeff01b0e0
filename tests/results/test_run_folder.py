"""A run folder that is added to: nothing is lost or mixed up, whoever reads it or is killed meanwhile."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import store_until_killed
from result_files import ROW, measure, store

from bench.core.errors import BadInput
from bench.core.files import write_csv
from bench.core.stats import wilson
from bench.report.cache import outcomes as reported
from bench.results.added import added_files
from bench.results.load import load_results
from bench.results.row import COLUMNS, Row
from bench.results.run_folder import RunFolder
from bench.results.store import read_rows, read_run

BITS = np.arange(10) < 5
LOW, HIGH = wilson(5, 10)
HALF = replace(ROW, key="k", value=0.5, ci_low=LOW, ci_high=HIGH)


@pytest.mark.slow
def test_a_process_killed_at_any_file_that_it_writes_loses_and_mixes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, store_until_killed.__file__, str(tmp_path)]
    path = os.pathsep.join([str(Path(__file__).parents[2]), str(Path(store_until_killed.__file__).parent)])
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, timeout=300)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["kills"] >= 8
    assert counts["reads"] > 2 * counts["kills"]
    last = {row.key: (row, bits, same_key_rows) for row, bits, same_key_rows in store_until_killed.cells()}
    rows, outcomes = read_run(tmp_path)
    assert {row.cell: row for row in rows} == {
        r.cell: r for row, _, same_key_rows in last.values() for r in (row, *same_key_rows)
    }
    assert all(np.array_equal(outcomes[key], bits) for key, (_, bits, _) in last.items())
    files = {path.name for path in tmp_path.iterdir() if not path.name.endswith(".bench-tmp")}
    assert files == {"results.csv", "outcomes.npz"}


def test_what_was_added_is_read_everywhere_before_it_is_in_the_two_files(tmp_path: Path) -> None:
    first = measure(tmp_path, "", "1100")
    folder = tmp_path / first.run
    assert list(reported(tmp_path, [first.run])) == [first.key]
    RunFolder(folder).add(replace(HALF, kind="attack", name="PGD-5", norm="Linf", eps=0.1), BITS)
    assert list(load_results(tmp_path)["key"]) == [first.key, "k"]
    assert reported(tmp_path, [first.run])["k"].tolist() == BITS.tolist()
    before = read_run(folder)
    RunFolder(folder).merge_added()
    after = read_run(folder)
    assert not added_files(folder)
    assert before[0] == after[0]
    assert {key: bits.tolist() for key, bits in before[1].items()} == {key: b.tolist() for key, b in after[1].items()}


def test_a_row_is_added_in_the_place_of_an_older_one_and_is_then_the_last(tmp_path: Path) -> None:
    store(tmp_path, HALF, BITS)
    store(tmp_path, replace(HALF, key="other"), BITS)
    run = RunFolder(tmp_path)
    assert [row.key for row in run.rows] == ["k", "other"]
    run.add(replace(HALF, seconds=7.0), ~BITS, [replace(HALF, seconds=7.0, epoch="best")])
    for seen in (run, RunFolder(tmp_path)):
        assert [(row.key, row.epoch, row.seconds) for row in seen.rows] == [
            ("other", "last", 0.5), ("k", "last", 7.0), ("k", "best", 7.0)
        ]  # fmt: skip
        assert seen.outcomes["k"].tolist() == (~BITS).tolist()
        assert seen.find("k") == replace(HALF, seconds=7.0)
        assert seen.find("none") is None


def test_files_of_an_older_process_come_before_those_of_a_newer_one(tmp_path: Path) -> None:
    """Also where the clock was set back in between."""
    RunFolder(tmp_path).add(HALF, BITS)
    (old,) = added_files(tmp_path)
    old.rename(tmp_path / f"added-{10**19:020}.json")
    RunFolder(tmp_path).add(replace(HALF, seconds=7.0), BITS)
    assert [row.seconds for row in read_rows(tmp_path)] == [7.0]


def test_adding_reads_nothing(tmp_path: Path) -> None:
    write_csv(tmp_path / "results.csv", COLUMNS, [asdict(HALF)])
    (tmp_path / "outcomes.npz").write_bytes(b"no zip")
    run = RunFolder(tmp_path)
    run.add(replace(HALF, key="other"), BITS)
    with pytest.raises(BadInput, match=r"outcomes\.npz cannot be read"):
        run.merge_added()
    assert len(added_files(tmp_path)) == 1  # which wait for a good copy


def spoil(change: dict[str, Any]) -> Any:
    def spoiled(path: Path) -> None:
        record = json.loads(path.read_text())
        for where, value in change.items():
            *parents, name = where.split(".")
            inner = record
            for parent in parents:
                inner = inner[int(parent)] if isinstance(inner, list) else inner[parent]
            inner[name] = value
        path.write_text(json.dumps(record))

    return spoiled


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "cannot be read"),
        (lambda path: path.write_text("[]"), "cannot be read"),
        (spoil({"rows": []}), "its rows do not have one key"),
        (spoil({"rows.0.kind": "guess"}), "kind is 'guess'"),
        (spoil({"rows.0.n": 10}), "does not have the columns"),
        (spoil({"rows.0.more": ""}), "does not have the columns"),
        (spoil({"outcomes.images": 10**9}), "2 bytes of outcomes where those of 1000000000 images belong"),
        (spoil({"outcomes.images": True}), "2 bytes of outcomes where those of True images belong"),
        (spoil({"outcomes.right": "!"}), "cannot be read"),
        (spoil({"outcomes.images": 9}), "n is 10, and there are outcomes of 9 images"),
        (spoil({"outcomes.right": "AAA="}), "by the outcomes of its images 0 of 10"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: Any, said: str) -> None:
    RunFolder(tmp_path).add(HALF, BITS)
    (path,) = added_files(tmp_path)
    damage(path)
    with pytest.raises(BadInput, match=said) as raised:
        read_run(tmp_path)
    assert str(raised.value).startswith(f"{path}")
    assert "delete that file and run again" in str(raised.value)
    path.unlink()
    assert read_run(tmp_path) == ([], {})


def test_rows_are_stored_by_their_text(tmp_path: Path) -> None:
    failed = replace(HALF, value=None, ci_low=None, ci_high=None, status='failed: "é,\r\nof memory')
    odd = replace(failed, eps=1e-17, seconds=0.1 + 0.2)
    RunFolder(tmp_path).add(odd, None)
    before = read_rows(tmp_path)
    RunFolder(tmp_path).merge_added()
    assert before == read_rows(tmp_path) == [odd]
    assert isinstance(before[0], Row)
