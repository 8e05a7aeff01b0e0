"""From run folders to what printed numbers are looked up in."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from bench.report import cache as stored
from bench.report.exhibits.table import cosines, read_exhibit
from bench.report.studies.lookup import Lookup
from bench.report.studies.scales import Scale
from bench.report.training_logs import read_logs


def finder_of(scale: Scale, rows: pd.DataFrame, results: Path) -> Lookup:
    """What the folders of these rows hold, ready to be looked up."""
    runs = rows["run"].unique()
    return Lookup(scale, rows, stored.outcomes(results, runs), _cosines(results, runs), _seconds(results, runs))


def _seconds(results: Path, runs: Any) -> dict[str, float]:
    """Of an epoch, by run."""
    known = {run: read_logs(results / run) for run in runs}
    return {run: log.epoch_seconds for run, log in known.items() if not math.isnan(log.epoch_seconds)}


def _cosines(results: Path, runs: Any) -> dict[str, pd.DataFrame]:
    """Of batch norms before and after a fine-tuning, by run."""
    paths = {run: results / run / "exhibits" / "batchnorm.csv" for run in runs}
    return {run: cosines(read_exhibit(path, "batchnorm")) for run, path in paths.items() if path.exists()}
