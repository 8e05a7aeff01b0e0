"""The table of a board's page: its columns and lines, and which of them are shown at first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bench.core.parsing import LAST_SUFFIX
from bench.report.accuracy import Estimate
from bench.report.attack_scores.scores import score_texts
from bench.report.labels import AUTOATTACK, condition_name, line_name
from bench.report.leaderboard import text as words
from bench.report.leaderboard.page import Report
from bench.report.leaderboard.table import accuracies, ranking_column
from bench.report.site.board_cells import TableCell, cost_cell, estimate_cells, marked_cells

MIN_SHARE_SHOWN = 0.5  # share of lines with a number, from which a column is shown at first
ALWAYS_SHOWN = ("Clean", AUTOATTACK, "Worst")

COST_COLUMNS = {  # by column of the leaderboard's table: title, explanation, and whether it is shown at first
    "passes": ("Passes", "forward and backward passes per image of a training step, as counted", True),
    "memory": ("MiB", "memory of the training process at its highest", False),
}


@dataclass(frozen=True)
class Column:
    """A column of a board's table."""

    name: str  # its title, and its name in addresses of views
    about: str
    shown: bool = True  # at first; a reader may choose others
    is_high: bool = True  # whether more is better; determines the order of sorting


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

    @property
    def score_name(self) -> str:
        """That column in words."""
        return condition_name(self.score)


def board_table(report: Report, extras: Sequence[Extra]) -> BoardTable:
    """The table of a board with all accuracies, extra columns and costs, best line first."""
    table = report.table
    describe = _column(table, score_texts(report.rows))
    columns = {column: marked_cells(table, column.name) for column in map(describe, accuracies(table))}
    columns |= {_extra_column(table, extra): estimate_cells(list(table["recipe"]), extra.values) for extra in extras}
    for name, (head, about, is_shown) in COST_COLUMNS.items():
        if table[name].notna().all():  # only if all lines have it, as it could not be compared otherwise
            columns[Column(head, about, is_shown, is_high=False)] = [cost_cell(value) for value in table[name]]
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


def _extra_column(table: pd.DataFrame, extra: Extra) -> Column:
    return replace(extra.column, shown=table["recipe"].isin([*extra.values]).mean() >= MIN_SHARE_SHOWN)
