"""The cells of a board's table: for each its text, its sort key, and its interval as a whisker."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

from bench.report.accuracy import Estimate
from bench.report.leaderboard import text as words
from bench.report.table_formats.table_text import MISSING


class Whisker(NamedTuple):
    """Positions of an interval's ends and value, in percent of the width of the cell."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class TableCell:
    """A cell: its text, and what it is sorted and marked by."""

    text: str
    order: float | None = None  # sort key; None: last
    spread: str = ""
    about: str = ""
    whisker: Whisker | None = None
    is_best: bool = False  # clearly the highest of its column
    is_partial: bool = False


def marked_cells(table: pd.DataFrame, column: str) -> list[TableCell]:
    """The cells of a column of a leaderboard; the best is marked."""
    best = words.best(table, pd.DataFrame({column: table[column]}))[column]
    return [
        replace(cell, is_best=bool(is_best)) for cell, is_best in zip(accuracy_cells(table, column), best, strict=True)
    ]


def accuracy_cells(table: pd.DataFrame, column: str) -> list[TableCell]:
    """The cells of a column of accuracies. table: has the fields of `Accuracy` as columns, such as "Clean low"."""
    low, high = table[f"{column} low"].min(), table[f"{column} high"].max()
    return [_accuracy(line, column, low, high) for line in table.to_dict("records")]


def _accuracy(line: Mapping[Any, Any], name: str, lowest: float, highest: float) -> TableCell:
    """One cell. lowest, highest: ends of all intervals of the column, at which the cell begins and ends."""
    value, status = line[name], line[f"{name} status"]
    if math.isnan(value):
        return TableCell(words.accuracy_text(line, name), about="not measured" if status == "missing" else status)
    low, high, std, seeds = (line[f"{name} {end}"] for end in ("low", "high", "std", "seeds"))
    half = max(high - value, value - low) if math.isnan(std) else std
    about = f"{low:.1f} to {high:.1f}" + (f", mean of {seeds} seeds" if seeds > 1 else "")
    return TableCell(
        f"{value:.1f}",
        value,
        f"±{half:.1f}",
        about if status == "ok" else f"{about}; {status}",
        _whisker(value, low, high, lowest, highest),
        is_partial=status.startswith("partial"),
    )


def _whisker(value: float, low: float, high: float, lowest: float, highest: float) -> Whisker:
    span = (highest - lowest) or 1.0
    return Whisker(*(round(100 * (end - lowest) / span, 1) for end in (low, value, high)))


def estimate_cells(labels: Sequence[str], values: Mapping[str, Estimate]) -> list[TableCell]:
    """The cells of a column from another table, a cell for each label. values: percentages by label."""
    known = [values[label] for label in labels if label in values]
    ends = [end for estimate in known for end in estimate if not math.isnan(end)]
    cells = []
    for label in labels:
        value, low, high = values.get(label, Estimate(math.nan, math.nan, math.nan))
        if math.isnan(value):
            cells.append(TableCell(MISSING, about="not measured"))
        elif math.isnan(low):
            cells.append(TableCell(f"{value:.1f}", value))
        else:
            spread, about = f"±{max(high - value, value - low):.1f}", f"{low:.1f} to {high:.1f}"
            whisker = _whisker(value, low, high, min(ends), max(ends))
            cells.append(TableCell(f"{value:.1f}", value, spread, about, whisker))
    return cells


def cost_cell(value: float) -> TableCell:
    """The cell of a cost, such as passes or memory."""
    return TableCell(f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}", value)
