"""Results on disk: one folder a run, with one tidy row (and one bit an image) for each condition. No torch here."""

import csv
import io
import os
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.core.errors import BadInput
from bench.core.files import Bits, read_json, write_atomically, write_csv
from bench.core.parsing import printable
from bench.results.consistency import check_bits, check_outcomes, check_value
from bench.results.job_file import check_job
from bench.results.row import COLUMNS, FLOATS, TRAINING, Row, to_row

Stored = tuple[list["Row"], dict[str, Bits]]  # rows, and outcomes by key
Read = Callable[[Path], Stored]  # of a run folder


AGAIN = "delete that line and run again: its cell alone is computed anew"
RUN_DEPTH = 4  # folders from a results folder down to a run's, at most


def store(folder: Path, row: Row, bits: Bits | None) -> None:
    """Add one measurement to a run folder, in the place of an older one of the same model with the same key."""
    rows, outcomes = read_run(folder, compare=False)
    if bits is not None:
        content: dict[str, Any] = outcomes | {row.key: bits}  # Any: savez has keywords of other types
        write_atomically(folder / "outcomes.npz", lambda file: np.savez_compressed(file, **content))
    others = [old for old in rows if (old.key, old.epoch, old.view) != (row.key, row.epoch, row.view)]
    write_csv(folder / "results.csv", COLUMNS, [asdict(r) for r in [*others, row]])


def read_outcomes(folder: Path) -> dict[str, Bits]:
    """Which images the model got right, in test order, by the key of the row."""
    return read_run(folder)[1]


def read_rows(folder: Path) -> list[Row]:
    return read_run(folder)[0]


def read_run(folder: Path, compare: bool = True) -> Stored:
    """The rows of a run folder, and the outcome of each image by the key of the row; a row may have none.

    BadInput where a row cannot be one, or (compare) contradicts itself or the outcomes of its images.
    """
    lines = _lines(folder / "results.csv")
    outcomes = _outcomes(folder / "outcomes.npz", {row.key for row in lines.values()})
    for line, row in lines.items() if compare else ():
        try:
            check_value(row)
            if row.key in outcomes:
                check_bits(row, outcomes[row.key])
        except ValueError as error:
            raise BadInput(f"{folder / 'results.csv'} line {line}, {_title(row)}: {error}; {AGAIN}") from error
    return list(lines.values()), outcomes


def _title(row: Row) -> str:
    """A cell in a few words."""
    which = [row.name or row.kind, row.norm, "" if row.eps is None else f"{row.eps:.4g}", row.severity, row.metric]
    return printable(" ".join(str(part) for part in which if part not in ("", None)), 100)


def _outcomes(path: Path, keys: Set[str]) -> dict[str, Bits]:
    """By key. What no row speaks of may be left of a process that was killed, and is left out where it is damaged."""
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


def _lines(path: Path) -> dict[int, Row]:
    """The rows by line. Blank lines, a mark of the byte order and lines that stand there twice are read over."""
    if not path.exists():
        return {}
    content, rows, seen = path.read_bytes(), dict[int, Row](), dict[tuple[str, str, str], tuple[int, Row]]()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadInput(f"{path} line {line}: not UTF-8 ({error.reason}); {AGAIN}") from error
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
            row = to_row(_fields(cells))
            line, twin = seen.setdefault((row.key, row.epoch, row.view), (lines.line_num, row))
            if row != twin:
                other = next(name for name in COLUMNS if getattr(row, name) != getattr(twin, name))
                raise ValueError(f"{_title(row)} has another {other} than in line {line}, for the same cell")
            rows[line] = row
    except (ValueError, csv.Error) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} line {max(1, lines.line_num)}: {printable(error, 200)}; {AGAIN}") from error
    return rows


def _fields(line: list[str]) -> dict[str, str]:
    if len(line) != len(COLUMNS):
        raise ValueError(f"{len(line)} fields where {len(COLUMNS)} belong")
    return dict(zip(COLUMNS, line, strict=True))


def run_folders(results: Path) -> list[Path]:
    """Every run folder below `results`, boards under published/ left out unless `results` is one.

    Links to folders are followed where `bench run` would write through them; see `skipped_links` for the others.
    """
    return _survey(results)[0]


def skipped_links(results: Path) -> list[Path]:
    """Links to folders that are not followed: they lead to runs that stand elsewhere already, or nowhere near a run."""
    return _survey(results)[1]


def _survey(results: Path) -> tuple[list[Path], list[Path]]:
    """Run folders and skipped links, each sorted."""
    runs, skipped, seen, home = list[Path](), list[Path](), set[Path](), results.resolve()
    waiting = [(results, 0, False)] if results.is_dir() else []
    while waiting:
        folder, depth, linked = waiting.pop()
        with suppress(FileNotFoundError), os.scandir(folder) as entries:  # another process may be removing it
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = folder / entry.name
                if entry.name == "job.json":
                    runs.append(folder)
                if entry.name == "published" or not path.is_dir():
                    continue
                target = path.resolve() if entry.is_symlink() else None
                if target and (target in seen or target.is_relative_to(home) or home.is_relative_to(target)):
                    skipped.append(path)
                elif depth < RUN_DEPTH or not (target or linked):
                    seen |= {target} if target else set()
                    waiting.append((path, depth + 1, linked or target is not None))
    return sorted(runs), sorted(skipped)


def read_job(folder: Path) -> dict[str, object]:
    """BadInput where job.json is damaged."""
    path = folder / "job.json"
    try:
        return check_job(read_json(path))
    except ValueError as error:
        raise BadInput(
            f"{path} is not what a run leaves: {printable(error, 200)}; mend it, or put a copy in its place; without "
            f"one, delete the run folder {folder} and run again"
        ) from error


def rows_at_home(results: Path, folder: Path, read: Read = read_run) -> list[Row]:
    """The rows of a run folder, which must lie where its runs say: everything else about a run is looked up there."""
    rows, _ = read(folder)
    runs = [str(read_job(folder).get("run", "")), *(row.run for row in rows)]
    away = [run for run in runs if run and results / run != folder]
    if away:
        held = f"holds {'rows of ' if rows else ''}{away[0]}"
        raise BadInput(f"{folder} {held}; name the folder that `bench run --results` wrote, not {results}")
    return rows


def load(results: Path, read: Read = read_run) -> pd.DataFrame:
    """Read all rows below a results folder into one table.

    Args:
        results: the folder that `bench run --results` wrote.
        read: returns the rows and outcomes of a run folder; a caller that reads often gives one that remembers.

    Returns:
        One line for each measurement, with the columns of `results.csv` (`results/README.md` explains them) and
        `budget`, `data` and `classes` of the training. Text is empty and numbers are NaN where a column does not apply.

    Raises:
        BadInput: a file is damaged or contradicts another; the message names the file, the line and the way out.

    Example:
        >>> from pathlib import Path
        >>> from bench import load_results
        >>> rows = load_results(Path("results/published/digits-quick"))
        >>> bool(rows["value"].between(0, 1).all()), sorted(rows["recipe"].unique())
        (True, ['AVmixup', 'M2AT', 'PGD-AT', 'Standard', 'TRADES-6'])
    """
    records = [
        vars(row) | training
        for folder in run_folders(results)
        for training in [{name: str(read_job(folder).get(name, "")) for name in TRAINING}]
        for row in rows_at_home(results, folder, read)
    ]
    frame = pd.DataFrame(records, columns=[*COLUMNS, *TRAINING])
    return frame.astype(dict.fromkeys([*FLOATS, "severity"], float))
