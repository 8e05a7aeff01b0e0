"""Results of single shards in a run folder, and the rows and adversarial sets that are joined from them."""

import glob
import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.errors import BadInput
from bench.core.files import is_name, read_json, write_json
from bench.core.parsing import format_count, printable
from bench.evaluation.outcome import Outcome
from bench.results.kinds import UNION
from bench.results.outcome_checks import check_bits, check_outcome
from bench.results.row import CellId, Row, to_row, to_texts
from bench.results.row_checks import LARGEST_WORK, check_value
from bench.results.shards import Shard
from bench.results.store import read_job

RESULT_COLUMNS = (  # columns of a row in which the shards of one cell may differ
    "value", "n", "ci_low", "ci_high", "forwards", "backwards", "seconds", "verdict", "device", "version",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ShardResult:
    """The outcome of a cell on the images of one shard."""

    row: Row  # the cell's row, with this shard's value
    n: int  # images of the whole cell
    shard: Shard
    outcome: Outcome  # of this shard's images

    @property
    def cell(self) -> CellId:
        return self.row.cell

    @property
    def name(self) -> str:
        """The name of its file. `parts_of_key` finds files by it."""
        return f"part-{'-'.join(self.cell)}{self.shard.suffix}.json"

    @property
    def settings(self) -> tuple[object, ...]:
        """What all shards of a cell have in common: the number of images, and the row without `RESULT_COLUMNS`."""
        without_results = vars(self.row) | dict.fromkeys(RESULT_COLUMNS)
        return (self.n, *without_results.values())

    def write(self, folder: Path) -> None:
        record = asdict(self) | {"row": to_texts(self.row)}
        record["outcome"]["right"] = self.outcome.right.astype(int).tolist()
        write_json(folder / self.name, record)


def read_part(path: Path) -> ShardResult:
    """Read the file of one shard's result. BadInput if it is damaged or was renamed."""
    remedy = "delete it and evaluate its shard again"
    try:
        part = _parse_part(read_json(path))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise BadInput(f"{path} cannot be read ({printable(error, 200)}); {remedy}") from error
    if path.name != part.name:
        raise BadInput(f"{path} holds another part, {part.name}; it was renamed or changed: {remedy}")
    return part


def _parse_part(record: Any) -> ShardResult:
    """Make a shard's result of a JSON record. ValueError, TypeError or KeyError if it is none."""
    outcome = record["outcome"]
    check_outcome(outcome)
    if type(record["n"]) is not int or not 0 <= record["n"] < LARGEST_WORK:
        raise ValueError("a count is no whole number")
    if not all(value >= 0 for value in outcome["values"]):
        raise ValueError("its values are not numbers from 0 up")
    if not all(type(number) is int for number in record["shard"].values()):
        raise ValueError("its shard is no pair of whole numbers")
    part = ShardResult(
        to_row(record["row"]),
        record["n"],
        Shard(**record["shard"]),
        Outcome(**outcome | {"right": np.array(outcome["right"], bool)}),
    )
    _check_part(part)
    return part


def _check_part(part: ShardResult) -> None:
    """ValueError if the row, the shard and the outcomes contradict each other."""
    row, outcome = part.row, part.outcome
    if not all(map(is_name, part.cell)):
        raise ValueError("its key, epoch or view is no name")
    ids = part.shard.ids(part.n, block_of(row))
    if part.shard.count < 2 or not len(ids) == len(outcome.right) == outcome.done or outcome.seen < outcome.done:
        raise ValueError(
            f"it has outcomes of {format_count(len(outcome.right), 'image')}, and shard {part.shard} is of {len(ids)}"
        )
    if row.status != "ok":
        raise ValueError("it is of a cell that failed")
    check_value(row)
    check_bits(row, outcome.right)
    if outcome.values:
        distances = np.array(outcome.values)
        limit = np.inf if row.eps is None else row.eps
        if len(distances) != len(ids) or not np.array_equal(outcome.right, np.isinf(distances) | (distances > limit)):
            raise ValueError("its distances are not those of its outcomes")


def read_parts(folder: Path, names: str = "part-*.json") -> list[ShardResult]:
    """The shard results of a run folder, by cell and in the order of their images.

    Args:
        names: a pattern for the names of the files.

    Raises:
        BadInput: a file is damaged or is of another run.
    """
    parts = []
    for path in sorted(folder.glob(names)):
        with suppress(FileNotFoundError):  # a process of another shard has just joined the shards of its cell
            parts.append(read_part(path))
    run = read_job(folder).get("run") if parts and (folder / "job.json").exists() else None
    for part in parts:
        if run is not None and part.row.run != run:
            raise BadInput(f"{folder / part.name} is of run {part.row.run}, not of {run}; take it out of this folder")
    return sorted(parts, key=lambda part: (part.cell, part.shard.count, part.shard.index))


def parts_of_key(folder: Path, key: str, shard: Shard) -> list[ShardResult]:
    """One shard's results with this key: one for each epoch and view with the same weights."""
    parts = read_parts(folder, f"part-{glob.escape(key)}-*{shard.suffix}.json")
    return [part for part in parts if (part.row.key, part.shard) == (key, shard)]


def block_of(row: Row) -> int | None:
    """How many images the attack of a row draws random numbers for at once; None if it draws for each image."""
    params = json.loads(row.params or "{}")
    block: int | None = (params["attack"] if row.kind == UNION else params).get("block")
    return block
