"""Accuracies with intervals, of one run and combined over seeds."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.core.errors import BadInput
from bench.core.files import Bits
from bench.core.parsing import format_count, split_last
from bench.core.stats import wilson
from bench.results.kinds import ATTACK, CLEAN
from bench.results.store import RUN_REMEDY

KINDS_IN_WORST = (CLEAN, ATTACK)  # kinds whose rows count towards Worst


class Estimate(NamedTuple):
    """A number and its 95 % interval; NaN where it is missing."""

    value: float
    low: float
    high: float


class SeedMean(NamedTuple):
    """Mean and standard deviation over seeds, and the interval mean -+ standard deviation."""

    value: float
    std: float
    low: float
    high: float


def mean_over_seeds(values: Sequence[float], lowest: float = -math.inf, highest: float = math.inf) -> SeedMean:
    """Combine two values or more. lowest, highest: bounds of the values, at which the interval is cut off."""
    mean, std = fmean(values), stdev(values)
    return SeedMean(mean, std, max(lowest, mean - std), min(highest, mean + std))


class SeedAccuracy(NamedTuple):
    """One accuracy of one run: value from 0 to 1, and bits (n,) bool, True where the model is correct."""

    value: float
    n: int
    status: str
    bits: Bits | None
    counts: bool = True  # towards Worst; attacks scored on their last iterate and conditions of plug-ins do not


class Accuracy(NamedTuple):
    """One accuracy in a table: column "X" has its value, columns "X std", "X low", ... the other fields."""

    value: float  # percent, mean over seeds
    std: float  # over seeds; NaN with one
    low: float  # 95 % Wilson interval of one seed; mean -+ std of several
    high: float
    seeds: int
    status: str  # ok | missing | failed: reason | partial: what Worst leaves out
    each: tuple[float, ...] = ()  # of the seeds, where there are several


def as_columns(cells: Mapping[str, Accuracy]) -> dict[str, object]:
    """The fields of a line of a table, named as `Accuracy` says. cells: by column."""
    return {
        f"{column} {field}".removesuffix(" value"): value
        for column, cell in cells.items()
        for field, value in cell._asdict().items()
    }


def measurements(part: pd.DataFrame, outcomes: Mapping[str, Bits]) -> list[dict[str, SeedAccuracy]]:
    """The accuracies of each run, by column of the table; with Worst if a column besides Clean counts towards it.

    Worst is missing or failed if a column that counts is. BadInput if the number of outcomes of a row is not its n.
    """
    runs: dict[str, dict[str, SeedAccuracy]] = defaultdict(dict)
    fields = [part[c] for c in ("run", "column", "kind", "name", "key", "value", "n", "status")]
    for run, column, kind, name, key, value, n, status in zip(*fields, strict=True):
        bits = outcomes.get(key) if status == "ok" else None
        if bits is not None and bits.size != n:
            raise BadInput(
                f"{run}/outcomes.npz has {format_count(bits.size, 'image')} for {column} "
                f"where results.csv says {n}; {RUN_REMEDY}"
            )
        runs[run][column] = SeedAccuracy(value, n, status, bits, kind in KINDS_IN_WORST and not split_last(name)[1])
    for cells in runs.values():
        if any(cell.counts for column, cell in cells.items() if column != "Clean"):
            cells["Worst"] = _worst(cells)
    return list(runs.values())


def _worst(cells: Mapping[str, SeedAccuracy]) -> SeedAccuracy:
    known = [cell.bits for cell in cells.values() if cell.counts]
    bits = [b for b in known if b is not None]
    n = next(iter(cells.values())).n
    failed = [column for column, cell in cells.items() if cell.counts and cell.status.startswith("failed")]
    if failed:
        return SeedAccuracy(math.nan, n, f"failed: without {', '.join(failed)}", None)
    if len(bits) < len(known) or "Clean" not in cells:
        return SeedAccuracy(math.nan, n, "missing", None)
    right = np.logical_and.reduce(bits)
    return SeedAccuracy(float(right.mean()), n, "ok", right)


def summary(seeds: list[SeedAccuracy]) -> Accuracy:
    """Combine the accuracies of several seeds, in percent; with a failed seed there is no value."""
    values = [100 * seed.value for seed in seeds if not math.isnan(seed.value)]
    failures = dict.fromkeys(seed.status for seed in seeds if seed.status.startswith("failed"))
    if failures or not values:  # a mean over the seeds that happened to work would hide the failure
        return Accuracy(math.nan, math.nan, math.nan, math.nan, len(values), "; ".join(failures) or "missing")
    if len(values) > 1:
        return Accuracy(*mean_over_seeds(values, 0.0, 100.0), len(values), "ok", tuple(values))
    mean = values[0]
    n = next(seed.n for seed in seeds if not math.isnan(seed.value))
    low, high = wilson(round(mean / 100 * n), n)
    return Accuracy(mean, math.nan, 100 * low, 100 * high, 1, "ok")
