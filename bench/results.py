"""Results on disk: one folder a run, with one tidy row (and one bit an image) for each condition. No torch here."""

import csv
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from bench.errors import BadInput

Bits = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Row:
    # what was evaluated
    run: str  # the run's folder below the results folder
    recipe: str
    dataset: str
    model: str
    seed: int
    view: str  # which of the recipe's finished models; "main" unless it makes several
    epoch: str  # last | best
    # under which condition
    kind: str  # clean | attack | corruption | union | sweep | diagnostic
    name: str  # attack, corruption or corruption+attack; empty when clean
    norm: str  # Linf | L2; empty when not an attack
    eps: float | None  # radius in [0, 1] pixel units
    severity: int | None  # 1..5, of a corruption
    source: str  # place() of the model that the images were crafted on; empty when white-box
    params: str  # the attack's own settings as sorted JSON
    # what came out
    metric: str  # accuracy, unless the row says otherwise
    value: float | None  # a fraction, never a percentage; None when the cell failed
    n: int  # test images
    ci_low: float | None  # 95 % Wilson interval of value
    ci_high: float | None
    forwards: float | None  # passes of the attack per image
    backwards: float | None
    seconds: float | None
    verdict: str  # ok | suspect: reasons | invalid: reasons
    status: str  # ok | failed: reason
    # under what circumstances
    partial: bool  # only the first n images of the test set
    device: str
    precision: str  # fp32 | bf16, of the search; judging is always fp32
    version: str  # of bench
    protocol: int  # raised whenever a number could change
    key: str  # hash of weights, data, condition and protocol: equal keys are the same measurement


COLUMNS = [f.name for f in fields(Row)]
TEXT = [f.name for f in fields(Row) if f.type is str]
TRAINING = ["budget", "data", "classes"]  # columns of load() that come from job.json
FLOATS = ["eps", "value", "ci_low", "ci_high", "forwards", "backwards", "seconds"]


def place(run: str, epoch: str, view: str) -> str:
    """A model as the source of others' images: its run, and what of it is not the last epoch's main view."""
    return "@".join([run, *([epoch] if epoch != "last" else []), *([view] if view != "main" else [])])


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write to a temporary file beside `path`, then rename: readers see the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            os.unlink(file.name)
            raise
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def write_json(path: Path, value: object) -> None:
    text = json.dumps(value, indent=1, sort_keys=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def write_csv(path: Path, columns: list[str], rows: list[dict[str, object]]) -> None:
    """Missing values are empty; floats keep every digit."""
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    write_atomically(path, lambda file: frame.to_csv(file, index=False, lineterminator="\n"))


def store(folder: Path, row: Row, bits: Bits | None) -> None:
    """Add one measurement to a run folder, in the place of an older one of the same model with the same key."""
    if bits is not None:
        outcomes: dict[str, Any] = read_outcomes(folder)  # Any: savez has keywords of other types
        outcomes[row.key] = bits
        write_atomically(folder / "outcomes.npz", lambda file: np.savez_compressed(file, **outcomes))
    rows = [old for old in read_rows(folder) if (old.key, old.epoch, old.view) != (row.key, row.epoch, row.view)]
    write_csv(folder / "results.csv", COLUMNS, [asdict(r) for r in [*rows, row]])


def read_outcomes(folder: Path) -> dict[str, Bits]:
    """Which images the model got right, in test order, by the key of the row."""
    path = folder / "outcomes.npz"
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file, np.load(file) as arrays:  # np.load itself leaves a damaged file open
            return {key: arrays[key].astype(bool) for key in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"{path} cannot be read ({error}); delete it and run again: its cells are recomputed") from error


def read_rows(folder: Path) -> list[Row]:
    path = folder / "results.csv"
    if not path.exists():
        return []
    rows: list[Row] = []
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        try:
            if next(lines, None) != COLUMNS:
                raise ValueError("not the columns of protocol-1 results")
            rows.extend(to_row(_fields(line)) for line in lines)
        except (ValueError, csv.Error) as error:  # text that is not UTF-8 is a ValueError too
            remedy = "delete the file and run again: its cells are recomputed"
            raise BadInput(f"{path} line {max(1, lines.line_num)}: {error}; {remedy}") from error
    return rows


def _fields(line: list[str]) -> dict[str, str]:
    if len(line) != len(COLUMNS):
        raise ValueError(f"{len(line)} fields where {len(COLUMNS)} belong")
    return dict(zip(COLUMNS, line, strict=True))


def to_row(cells: Mapping[str, str]) -> Row:
    """A row from its text, column by column. ValueError where that is none."""
    values: dict[str, object] = dict(cells)
    for name in FLOATS:
        values[name] = float(cells[name]) if cells[name] else None
    for name in ("seed", "n", "protocol"):
        values[name] = int(cells[name])
    values["severity"] = int(cells["severity"]) if cells["severity"] else None
    if cells["partial"] not in ("True", "False"):
        raise ValueError(f"partial is {cells['partial']!r}, neither True nor False")
    values["partial"] = cells["partial"] == "True"
    if cells["params"] and not isinstance(json.loads(cells["params"]), dict):
        raise ValueError(f"params is {cells['params']!r}, not a JSON object")
    return Row(**values)  # type: ignore[arg-type]  # converted field by field above


def run_folders(results: Path) -> list[Path]:
    """Every run folder below `results`, boards under published/ left out unless `results` is one."""
    found = sorted(path.parent for path in results.rglob("job.json"))
    return [folder for folder in found if "published" not in folder.relative_to(results).parts]


def read_job(folder: Path) -> dict[str, object]:
    path = folder / "job.json"
    try:
        job = json.loads(path.read_text())
    except ValueError as error:
        raise BadInput(f"{path} is not JSON ({error}); delete the run folder {folder} and run again") from error
    if not isinstance(job, dict):
        raise BadInput(f"{path} is not a JSON object; delete the run folder {folder} and run again")
    return job


def rows_at_home(results: Path, folder: Path) -> list[Row]:
    """The rows of a run folder, which must lie where its runs say: everything else about a run is looked up there."""
    rows = read_rows(folder)
    away = [row.run for row in rows if results / row.run != folder]
    if away:
        raise BadInput(
            f"{folder} holds rows of {away[0]}; name the folder that `bench run --results` wrote, not {results}"
        )
    return rows


def load(results: Path) -> pd.DataFrame:
    """All rows below a results folder, with the budget and the data of each run's training beside them.

    Text columns are never missing, numeric ones are NaN where a value is missing.
    """
    records = [
        vars(row) | training
        for folder in run_folders(results)
        for training in [{name: str(read_job(folder).get(name, "")) for name in TRAINING}]
        for row in rows_at_home(results, folder)
    ]
    frame = pd.DataFrame(records, columns=[*COLUMNS, *TRAINING])
    return frame.astype(dict.fromkeys([*FLOATS, "severity"], float))
