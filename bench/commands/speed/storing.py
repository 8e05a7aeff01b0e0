"""The part `store` of `bench speed`: many cells are stored in a run folder, as for all corruptions of a model."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from bench.commands.speed.parts import PARTS, PartWithoutModel
from bench.commands.speed.race import RaceResult, race
from bench.commands.speed.reports import PLAIN
from bench.commands.speed.table import SpeedLine, compare
from bench.core.files import Bits
from bench.core.stats import wilson
from bench.report.table_formats.table_text import MISSING
from bench.results.row import Row
from bench.training.run_folder import lock_folder

CELLS, N = (30, 120), 10_000


def store_cells(repeats: int, device: torch.device) -> Iterator[SpeedLine]:
    """A line for each number of cells, to see how time grows. device: not used."""
    for cells in CELLS:
        rows = [cell(index) for index in range(cells)]

        def run(rows: list[tuple[Row, Bits]] = rows) -> RaceResult:
            with TemporaryDirectory() as folder, lock_folder(Path(folder)) as run_folder:
                for row, bits in rows:
                    if run_folder.find(row.key) is None:
                        run_folder.add(row, bits)
            return RaceResult()

        taken = race({"ours": run}, repeats, device)["ours"]
        line = compare(("store", MISSING), f"{cells} cells of {N:,} images", cells, taken, None, rate=1.0)
        yield replace(line, backwards=math.nan, floor=math.nan, note="one run folder, from its lock to its two files")


def cell(index: int) -> tuple[Row, Bits]:
    """A made-up row and its outcomes (N,), which compress as badly as real ones."""
    right = np.random.default_rng(index).random(N) < 0.6
    low, high = wilson(int(right.sum()), N)
    row = replace(PLAIN, run="cifar10/resnet8/Standard/s0-00000000", recipe="Standard", key=f"{index:016x}", n=N)
    return replace(row, value=float(right.mean()), ci_low=low, ci_high=high), right


PARTS.add("store", PartWithoutModel(store_cells))
