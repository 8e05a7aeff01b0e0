"""Accuracies of a method on each board with intervals and the values of seeds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.report.boards import Board
from bench.report.labels import condition_name, line_name
from bench.report.leaderboard.page import Report
from bench.report.leaderboard.table import accuracies, ranking_column
from bench.report.leaderboard.text import accuracy_text
from bench.report.site.data import SiteData


@dataclass(frozen=True)
class AccuracyBar:
    """One accuracy; numbers are percentages, which are also positions on the bar."""

    text: str
    spread: str = ""
    about: str = ""
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seeds: tuple[float, ...] = ()  # values of several seeds

    @property
    def is_known(self) -> bool:
        return not math.isnan(self.value)


@dataclass(frozen=True)
class ResultLine:
    """A line of a board: one configuration of the recipe, or another view or epoch of its models."""

    label: str
    place: str  # its rank, as text
    verdict: str
    reasons: tuple[str, ...]
    alarms: tuple[str, ...]
    bars: tuple[AccuracyBar, ...]


@dataclass(frozen=True)
class BoardResults:
    """The lines of a method on one board. columns: titles of the bars, in order."""

    board: Board
    extent: str
    columns: tuple[str, ...]
    lines: tuple[ResultLine, ...]
    score: str  # the column that ranks
    best: str  # label of the board's first line

    @property
    def best_name(self) -> str:
        """What tables call that line."""
        return line_name(self.best)

    @property
    def is_best(self) -> bool:
        return self.best in {line.label for line in self.lines}


def results_of(recipe: str, data: SiteData) -> list[BoardResults]:
    """The results of a recipe on all boards that it is on, in their order."""
    found = []
    for board, report in data.boards.items():
        own = [label for label in report.table["recipe"] if data.recipe_of(label) == recipe]
        if own:
            found.append(_on_board(board, report, own))
    return found


def _on_board(board: Board, report: Report, own: list[str]) -> BoardResults:
    table = report.table
    mine = table[table["recipe"].isin(own)].to_dict("records")
    columns = [column for column in accuracies(table) if any(_is_there(line, column) for line in mine)]
    lines = tuple(_line(line, columns, _place(line["rank"], table)) for line in mine)
    return BoardResults(
        board, report.extent, tuple(columns), lines, ranking_column(table), str(table["recipe"].iloc[0])
    )


def _is_there(line: Mapping[Any, Any], column: str) -> bool:
    return str(line[f"{column} status"]) != "missing"


def _place(rank: Any, table: pd.DataFrame) -> str:
    """The rank as text."""
    score = condition_name(ranking_column(table))
    if pd.isna(rank):
        return f"no rank by {score}"
    shared = int((table["rank"] == rank).sum())
    return f"rank {rank} of {len(table)} by {score}" + (f", shared by {shared} lines" if shared > 1 else "")


def _line(line: Mapping[Any, Any], columns: list[str], place: str) -> ResultLine:
    verdict, _, reasons = line["verdict"].partition(": ")
    return ResultLine(
        line["recipe"],
        place,
        verdict,
        tuple(filter(None, reasons.split("; "))),
        tuple(filter(None, line["alarms"].split("; "))),
        tuple(_bar(line, column) for column in columns),
    )


def _bar(line: Mapping[Any, Any], column: str) -> AccuracyBar:
    value, low, high, std = (line[f"{column}{end}"] for end in ("", " low", " high", " std"))
    status, seeds = line[f"{column} status"], line[f"{column} seeds"]
    if math.isnan(value):
        return AccuracyBar(accuracy_text(line, column), about="not measured" if status == "missing" else status)
    half = max(high - value, value - low) if math.isnan(std) else std
    each = tuple(line[f"{column} each"])
    about = f"{low:.1f} to {high:.1f}, n={line['n']}" + (f", mean of {seeds} seeds" if seeds > 1 else "")
    about += f": {', '.join(f'{one:.1f}' for one in each)}" if each else ""
    about += "" if status == "ok" else f"; {status}"
    return AccuracyBar(f"{value:.1f}", f"±{half:.1f}", about, value, low, high, each)
