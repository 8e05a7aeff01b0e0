"""Finds seeds of one configuration whose training failed where others did not."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

import pandas as pd

from bench.core.stats import fisher_fewer

SIGNIFICANCE = 0.01  # significance level of the test for a collapsed seed


def describe_problems(part: pd.DataFrame, alarms: Mapping[str, Sequence[str]]) -> str:
    """Describe problems of the runs behind one line of a table: alarms of trainings, and seeds that collapsed."""
    seeds = dict(zip(part["run"], part["seed"], strict=True))
    several = len(set(seeds.values())) > 1
    reports = [
        f"seed {seeds[run]}: {alarm}" if several else alarm
        for run in sorted(seeds, key=seeds.__getitem__)
        for alarm in alarms.get(run, ())
    ]
    return "; ".join([*reports, *collapses(part)])


def collapses(part: pd.DataFrame) -> list[str]:
    """Seeds whose value in some column is at most half of the median seed's, significantly (Fisher, p < SIGNIFICANCE).

    part: rows of one recipe, view and epoch with the columns seed, column, value and n.
    """
    fields = (part[name] for name in ("column", "seed", "value", "n"))
    columns: dict[str, list[tuple[int, float, int]]] = {}
    for column, *cell in zip(*fields, strict=True):
        if not math.isnan(cell[1]):
            columns.setdefault(column, []).append(tuple(cell))
    found = []
    for column, cells in columns.items():
        middle = median(value for _, value, _ in cells)
        for seed, value, n in cells if len(cells) > 1 else ():
            if 0 < middle >= 2 * value and fisher_fewer(round(middle * n), round(value * n), n) < SIGNIFICANCE:
                found.append(f"seed {seed} collapsed: {column} {value:.1%}, median of the seeds {middle:.1%}")
    return found
