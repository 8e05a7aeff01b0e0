"""Reads results: each run folder has one row and the outcome of each image for each condition. Imports no torch."""

import csv
import io
import os
from collections.abc import Callable, Set
from contextlib import suppress
from pathlib import Path

import numpy as np

from bench.core.errors import BadInput
from bench.core.files import Bits, read_json
from bench.core.parsing import printable
from bench.results.added import REMEDY as ADDED_REMEDY
from bench.results.added import added_files, read_added
from bench.results.job_file import check_job
from bench.results.outcome_checks import check_bits, check_outcomes
from bench.results.row import COLUMNS, CellId, Row, to_row
from bench.results.row_checks import check_value

Stored = tuple[list[Row], dict[str, Bits]]  # rows, and outcomes (n,) bool by key
Read = Callable[[Path], Stored]  # reads a run folder

LINE_REMEDY = "delete that line and run again: its cell alone is computed anew"
RUN_REMEDY = "delete the run's results.csv, outcomes.npz and added-*.json and run again: its cells are computed anew"


def read_outcomes(folder: Path) -> dict[str, Bits]:
    """Outcomes of a run folder by the key of their row: (n,) bool in test order, True where the model is correct."""
    return read_run(folder)[1]


def read_rows(folder: Path) -> list[Row]:
    """The rows of a run folder, the oldest first. Raises BadInput as `read_run` does."""
    return read_run(folder)[0]


def read_run(folder: Path, compare: bool = True) -> Stored:
    """Read the rows of a run folder, and the outcomes of images by key, which some rows do not have.

    If another process writes to the folder meanwhile, it is read again.

    Raises:
        BadInput: a file is damaged, a row is impossible, or (with compare) it contradicts its own interval or outcomes.
    """
    while True:
        before, there = _file_stamps(folder), added_files(folder)
        try:
            stored = _read_once(folder, compare)
        except (BadInput, FileNotFoundError):
            if (_file_stamps(folder), added_files(folder)) == (before, there):
                raise
        else:
            if _file_stamps(folder) == before:
                return stored


def _file_stamps(folder: Path) -> list[tuple[int, int, int]]:
    """Inode, size and time of results.csv and outcomes.npz; they change before files of added cells are deleted."""
    stamps = []
    for name in ("results.csv", "outcomes.npz"):
        with suppress(FileNotFoundError):
            stat = os.stat(folder / name)
            stamps.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return stamps


def _read_once(folder: Path, compare: bool) -> Stored:
    """As `read_run`, but only correct if no other process writes meanwhile."""
    added = [(path, *read_added(path)) for path in added_files(folder)]  # first, as they are merged into the others
    rows = {
        row.cell: (f"{folder / 'results.csv'} line {line}", LINE_REMEDY, row)
        for line, row in _read_lines(folder).items()
    }
    for path, row in ((path, row) for path, new, _ in added for row in new):
        rows.pop(row.cell, None)  # so that rows are in the order in which they were stored
        rows[row.cell] = (str(path), ADDED_REMEDY, row)
    bits_added = {new[0].key: bits for _, new, bits in added if bits is not None}
    keys = {row.key for *_, row in rows.values()} - bits_added.keys()
    outcomes = _load_outcomes(folder / "outcomes.npz", keys) | bits_added
    for where, remedy, row in rows.values() if compare else ():
        try:
            check_value(row)
            if row.key in outcomes:
                check_bits(row, outcomes[row.key])
        except ValueError as error:
            raise BadInput(f"{where}, {_describe_cell(row)}: {error}; {remedy}") from error
    return [row for *_, row in rows.values()], outcomes


def _describe_cell(row: Row) -> str:
    """A short text that identifies the cell of a row in messages."""
    which = [row.name or row.kind, row.norm, "" if row.eps is None else f"{row.eps:.4g}", row.severity, row.metric]
    return printable(" ".join(str(part) for part in which if part not in ("", None)), 100)


def _load_outcomes(path: Path, keys: Set[str]) -> dict[str, Bits]:
    """Load outcomes.npz by key. A damaged array is an error only if a row has its key; other arrays are left-overs."""
    if not path.exists():
        return {}
    found, damaged = dict[str, Bits](), dict[str, Exception]()
    try:
        with path.open("rb") as file, np.load(file) as arrays:  # np.load itself leaves a damaged file open
            for key in arrays.files:
                try:
                    found[key] = arrays[key]
                    check_outcomes(found[key])
                except Exception as error:  # of numpy, zipfile and zlib, half a dozen types
                    damaged[key] = error
    except Exception as error:
        raise BadInput(
            f"{path} cannot be read ({type(error).__name__}); put a copy in its place, or delete it "
            "and run again: the cells of this run are computed anew"
        ) from error
    for key in damaged.keys() & keys:
        raise BadInput(
            f"{path} is damaged: the outcomes {printable(key, 40)} cannot be read ({type(damaged[key]).__name__}); "
            f"in results.csv, delete the line that ends with that key and run again: its cell alone is computed anew"
        ) from damaged[key]
    return {key: bits for key, bits in found.items() if key not in damaged}


def _read_lines(folder: Path) -> dict[int, Row]:
    """Rows of results.csv by line number. A byte order mark, blank lines, repeated headers and rows are skipped."""
    path = folder / "results.csv"
    if not path.exists():
        return {}
    content, rows, seen = path.read_bytes(), dict[int, Row](), dict[CellId, tuple[int, Row]]()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(f"{path} line {line}: not UTF-8 ({error.reason}); {LINE_REMEDY}") from error
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        if (head := next(lines, None)) != COLUMNS:
            mend = f"put the columns of another run's results.csv there ({','.join(COLUMNS[:3])},...)"
            raise BadInput(
                f"{path} line 1: not the columns of protocol-1 results; {f'{mend}, or ' if head else ''}"
                "delete the file and run again: its cells are computed anew"
            )
        for cells in lines:
            if not cells or cells == COLUMNS:
                continue
            row = to_row(_name_fields(cells))
            line, first = seen.setdefault(row.cell, (lines.line_num, row))
            if row != first:
                other = next(name for name in COLUMNS if getattr(row, name) != getattr(first, name))
                raise ValueError(f"{_describe_cell(row)} has another {other} than in line {line}, for the same cell")
            rows[line] = row
    except (ValueError, csv.Error) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} line {max(1, lines.line_num)}: {printable(error, 200)}; {LINE_REMEDY}") from error
    return rows


def _name_fields(line: list[str]) -> dict[str, str]:
    if len(line) != len(COLUMNS):
        raise ValueError(f"{len(line)} fields where {len(COLUMNS)} belong")
    return dict(zip(COLUMNS, line, strict=True))


def read_job(folder: Path) -> dict[str, object]:
    """Read job.json of a run folder; BadInput if it is damaged."""
    path = folder / "job.json"
    try:
        return check_job(read_json(path))
    except ValueError as error:
        raise BadInput(
            f"{path} is not what a run leaves: {printable(error, 200)}; mend it, or put a copy in its place; without "
            f"one, delete the run folder {folder} and run again"
        ) from error
