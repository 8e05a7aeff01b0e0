"""What each training cost and how it went."""

import csv
import math
from pathlib import Path

import pandas as pd

from bench.errors import BadInput
from bench.results import read_job


def cost(folder: Path) -> tuple[float, float]:
    """Passes per image of a training step, and seconds of training; NaN where a run does not say."""
    passes = read_job(folder).get("passes_per_image") if (folder / "job.json").exists() else None
    seconds = training(folder)["seconds"]
    return (
        float(sum(passes.values())) if isinstance(passes, dict) and passes else math.nan,
        math.nan if seconds.empty else float(seconds.sum()),
    )


def training(folder: Path) -> pd.DataFrame:
    """The run's train.csv, one line an epoch, every column a number; empty where nothing was trained."""
    path = folder / "train.csv"
    if not path.exists():
        return pd.DataFrame({"epoch": [], "seconds": []}, dtype=float)
    with path.open(newline="") as file:
        lines = csv.reader(file)
        columns = next(lines, [])
        if not {"epoch", "seconds"} <= set(columns):
            raise BadInput(f"{path} line 1: not the columns of a training log; delete {folder} and run again")
        try:
            rows = [dict(zip(columns, map(_number, line), strict=True)) for line in lines]
        except ValueError as error:
            raise BadInput(f"{path} line {lines.line_num}: {error}; delete {folder} and run again") from error
    return pd.DataFrame(rows, columns=columns, dtype=float)


def _number(cell: str) -> float:
    return float(cell) if cell else math.nan
