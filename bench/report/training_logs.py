"""Reads cost, alarms and curve of a training from job.json and train.csv."""

import csv
import math
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.core.errors import BadInput
from bench.core.parsing import printable
from bench.report.cache import cached_by_folder
from bench.results.store import read_job

REMEDY = "put a copy in its place, or take it away: the run is shown without its training's curve"


class TrainingSummary(NamedTuple):
    """Cost and alarms of one training; NaN where the run folder does not record them."""

    passes: float = math.nan  # per image of a training step
    seconds: float = math.nan
    epoch_seconds: float = math.nan  # median
    memory: float = math.nan  # MiB at the highest
    alarms: tuple[str, ...] = ()


def read_logs(folder: Path) -> TrainingSummary:
    """Read cost and alarms from job.json and train.csv of a run folder."""
    job = read_job(folder) if (folder / "job.json").exists() else {}
    passes, memory, alarms = (job.get(name) for name in ("passes_per_image", "peak_mib", "alarms"))
    seconds = read_training_log(folder)["seconds"]
    return TrainingSummary(
        float(sum(passes.values())) if isinstance(passes, dict) and passes else math.nan,
        math.nan if seconds.empty else float(seconds.sum()),
        math.nan if seconds.empty else float(seconds.median()),
        float(memory) if isinstance(memory, int | float) else math.nan,
        tuple(map(str, alarms)) if isinstance(alarms, list) else (),
    )


@cached_by_folder(1024)
def read_training_log(folder: Path) -> pd.DataFrame:
    """Read train.csv: a line for each epoch, all columns numbers; empty if there is none. BadInput if it is damaged."""
    path = folder / "train.csv"
    if not path.exists():
        return pd.DataFrame({"epoch": [], "seconds": []}, dtype=float)
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        try:
            columns = next(lines, [])
            if not {"epoch", "seconds"} <= set(columns):
                raise ValueError("not the columns of a training log")
            rows = [dict(zip(columns, map(_number, line), strict=True)) for line in lines if line]
            if odd := [name for row in rows for name in ("epoch", "seconds") if not 0 <= row[name] < math.inf]:
                raise ValueError(f"{odd[0]} is no number from 0 up")
        except (ValueError, csv.Error) as error:
            line = max(1, lines.line_num)
            raise BadInput(f"{path} line {line}: {printable(error, 100)}; {REMEDY}") from error
    return pd.DataFrame(rows, columns=columns, dtype=float)


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan
