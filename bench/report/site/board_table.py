"""The table of a board's page: for each cell its text, its sort key, and its interval as a whisker."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

from bench.core.parsing import LAST_SUFFIX
from bench.report.accuracy import Estimate
from bench.report.attack_scores.scores import score_texts
from bench.report.labels import AUTOATTACK, line_name
from bench.report.leaderboard import text as words
from bench.report.leaderboard.page import Report
from bench.report.leaderboard.table import accuracies, ranking_column
from bench.report.table_text import MISSING

MIN_SHARE_SHOWN = 0.5  # share of lines with a number, from which a column is shown at first
ALWAYS_SHOWN = ("Clean", AUTOATTACK, "Worst")

COST_COLUMNS = {  # by column of the leaderboard's table: title, explanation, and whether it is shown at first
    "passes": ("Passes", "forward and backward passes per image of a training step, as counted", True),
    "memory": ("MiB", "memory of the training process at its highest", False),
}


class Whisker(NamedTuple):
    """Positions of an interval's ends and value, in percent of the width of the cell."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class Column:
    """A column of a board's table."""

    name: str  # its title, and its name in addresses of views
    about: str
    shown: bool = True  # at first; a reader may choose others
    is_high: bool = True  # whether more is better; determines the order of sorting


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


@dataclass(frozen=True)
class BoardLine:
    """A line: a recipe on this board."""

    label: str
    name: str  # the label as shown
    rank: str
    group: int  # number of the group of lines that share a rank, from 0; -1: no rank
    cells: tuple[TableCell, ...]
    verdict: str  # ok, suspect, invalid, or empty
    reasons: tuple[str, ...]
    alarms: tuple[str, ...]


@dataclass(frozen=True)
class Extra:
    """A column from another table: percentages by label of the line."""

    column: Column
    values: Mapping[str, Estimate]


@dataclass(frozen=True)
class BoardTable:
    """A board as the site shows it."""

    columns: tuple[Column, ...]
    lines: tuple[BoardLine, ...]
    score: str  # the column that ranks


def board_table(report: Report, extras: Sequence[Extra]) -> BoardTable:
    """The table of a board with all accuracies, extra columns and costs, best line first."""
    table = report.table
    describe = _column(table, score_texts(report.rows))
    columns = {column: _marked_cells(table, column.name) for column in map(describe, accuracies(table))}
    columns |= {_extra_column(table, extra): _extra_cells(table, extra) for extra in extras}
    for name, (head, about, is_shown) in COST_COLUMNS.items():
        if table[name].notna().all():  # only if all lines have it, as it could not be compared otherwise
            columns[Column(head, about, is_shown, is_high=False)] = [_cost(value) for value in table[name]]
    groups = {rank: place for place, rank in enumerate(table["rank"].dropna().unique())}
    ranks = words.ranks(table["rank"])
    lines = []
    for place, line in enumerate(table.to_dict("records")):
        verdict, _, reasons = line["verdict"].partition(": ")
        lines.append(
            BoardLine(
                line["recipe"],
                line_name(line["recipe"]),
                ranks[place],
                -1 if pd.isna(line["rank"]) else groups[line["rank"]],
                tuple(cells[place] for cells in columns.values()),
                verdict,
                tuple(filter(None, reasons.split("; "))),
                tuple(filter(None, line["alarms"].split("; "))),
            )
        )
    return BoardTable(tuple(columns), tuple(lines), ranking_column(table))


def _column(table: pd.DataFrame, scores: Mapping[str, str]) -> Any:
    """A function from the name of an accuracy to its column. scores: what the exam of attacks says of some."""

    def describe(name: str) -> Column:
        about = {
            "Clean": "accuracy on the test images as they are",
            "Worst": "images that are right when clean and under every attack of this board",
        }.get(name, f"accuracy under {name}" + (f"; {scores[name]}" if name in scores else ""))
        is_rare = table[name].notna().mean() < MIN_SHARE_SHOWN or LAST_SUFFIX in name
        return Column(name, about, name in ALWAYS_SHOWN or name == ranking_column(table) or not is_rare)

    return describe


def _marked_cells(table: pd.DataFrame, column: str) -> list[TableCell]:
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


def _extra_column(table: pd.DataFrame, extra: Extra) -> Column:
    return replace(extra.column, shown=table["recipe"].isin([*extra.values]).mean() >= MIN_SHARE_SHOWN)


def _extra_cells(table: pd.DataFrame, extra: Extra) -> list[TableCell]:
    known = [extra.values[label] for label in table["recipe"] if label in extra.values]
    ends = [end for estimate in known for end in estimate if not math.isnan(end)]
    cells = []
    for label in table["recipe"]:
        value, low, high = extra.values.get(label, Estimate(math.nan, math.nan, math.nan))
        if math.isnan(value):
            cells.append(TableCell(MISSING, about="not measured"))
        elif math.isnan(low):
            cells.append(TableCell(f"{value:.1f}", value))
        else:
            spread, about = f"±{max(high - value, value - low):.1f}", f"{low:.1f} to {high:.1f}"
            whisker = _whisker(value, low, high, min(ends), max(ends))
            cells.append(TableCell(f"{value:.1f}", value, spread, about, whisker))
    return cells


def _cost(value: float) -> TableCell:
    return TableCell(f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}", value)
