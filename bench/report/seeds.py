"""Trainings of one configuration that did not go as the others did."""

from collections.abc import Mapping, Sequence

import pandas as pd

from bench.stats import fewer

SURE = 0.01  # p-value below which a seed is said to have collapsed


def trouble(part: pd.DataFrame, alarms: Mapping[str, Sequence[str]]) -> str:
    """What a reader must know of the runs behind one line of a table: alarms by run, and seeds that collapsed."""
    runs = part.drop_duplicates("run").sort_values("seed")
    several = runs["seed"].nunique() > 1
    said = [
        f"seed {seed}: {alarm}" if several else alarm
        for run, seed in zip(runs["run"], runs["seed"], strict=True)
        for alarm in alarms.get(run, ())
    ]
    return "; ".join([*said, *collapses(part)])


def collapses(part: pd.DataFrame) -> list[str]:
    """Seeds that get at most half of what the median seed gets somewhere, and not by chance.

    part: rows of one recipe, view and epoch with the columns seed, column, value and n.
    """
    known, found = part.dropna(subset="value"), []
    columns = known.groupby("column", sort=False)["value"]
    halves = columns.transform("median") / 2
    suspected = known.loc[(known["value"] <= halves) & (columns.transform("size") > 1), "column"]
    for column, cells in known[known["column"].isin(suspected)].groupby("column", sort=False):
        middle = cells["value"].median()
        low = cells[cells["value"] <= middle / 2]
        for seed, value, n in zip(low["seed"], low["value"], low["n"], strict=True):
            if fewer(round(middle * n), round(value * n), n) < SURE:
                found.append(f"seed {seed} collapsed: {column} {value:.1%}, median of the seeds {middle:.1%}")
    return found
