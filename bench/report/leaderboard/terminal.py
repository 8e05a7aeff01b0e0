"""Prints a leaderboard on a terminal; columns without room are left out and named below the table."""

from typing import TYPE_CHECKING

import pandas as pd

from bench.core.parsing import LAST_SUFFIX
from bench.report.labels import condition_name
from bench.report.leaderboard.table import accuracies, drop_unattacked, ranking_column
from bench.report.leaderboard.text import COST_COLUMNS, LEFT_COLUMNS, best, display, quote
from bench.report.table_formats import table_text as plain

if TYPE_CHECKING:
    from rich.console import Console

ATTACKS_BEFORE_COST = 3  # number of attacks that are preferred to the cost of training


def print_board(console: "Console", table: pd.DataFrame, title: str) -> None:
    """Print the title, the table, and a line that names the columns for which there was no room."""
    shown, left_out = fit(table, console.width)
    strong = best(drop_unattacked(table), shown)
    plain.print_table(console, shown, LEFT_COLUMNS, title, strong)
    if left_out:
        plain.print_lines(
            console, [f"No room for {', '.join(map(quote, left_out))}; the files of the report have all columns."]
        )


def fit(table: pd.DataFrame, width: int) -> tuple[pd.DataFrame, list[str]]:
    """Fit the table to a width in characters; returns it as text, and the columns that are left out.

    First attacks scored on their last iterate are left out, then all intervals except those of the column that ranks.
    If that is not enough, Clean and the column that ranks are kept, and others while there is room, in this order: the
    strongest attacks that most lines have, Worst, passes, other attacks, memory.
    """
    lines, last = drop_unattacked(table), _last_iterates(table)
    known = [condition_name(column) for column in accuracies(table)]
    for left_out in ([], last):
        shown = display(lines, known).drop(columns=left_out)
        if plain.width_of(shown) <= width:
            return shown, left_out
    shown = display(lines, [condition_name(ranking_column(table))])
    wished = [column for column in _by_importance(table) if column in shown]
    left_out = [*wished, *last]
    for column in wished:
        fewer = [name for name in left_out if name != column]
        if plain.width_of(shown.drop(columns=fewer)) <= width:
            left_out = fewer
    return shown.drop(columns=left_out), [column for column in shown if column in left_out]


def _last_iterates(table: pd.DataFrame) -> list[str]:
    score = ranking_column(table)
    return [condition_name(column) for column in accuracies(table) if LAST_SUFFIX in column and column != score]


def _by_importance(table: pd.DataFrame) -> list[str]:
    """The column titles that may be left out, the most important first."""
    without = {"Clean", "Worst", ranking_column(table)}
    attacks = [c for c in accuracies(table) if c not in without and condition_name(c) not in _last_iterates(table)]
    by_strength = sorted(attacks, key=lambda c: (table[c].isna().sum(), table[c].mean()))  # those of most lines first
    strongest = [condition_name(column) for column in by_strength]
    passes, memory = COST_COLUMNS
    worst = ["Worst"] if ranking_column(table) != "Worst" else []
    return [*strongest[:ATTACKS_BEFORE_COST], *worst, passes, *strongest[ATTACKS_BEFORE_COST:], memory]
