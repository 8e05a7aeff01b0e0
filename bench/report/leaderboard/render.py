"""One leaderboard as Markdown, LaTeX, CSV or on the terminal."""

import re
from typing import TYPE_CHECKING

import pandas as pd

from bench.report import table_text as plain
from bench.report.leaderboard.table import accuracies, ranking_column
from bench.report.leaderboard.text import COST, best, display, notes

if TYPE_CHECKING:
    from rich.table import Table

TEXT = ("Recipe", "Verdict")  # columns set flush left


def csv(table: pd.DataFrame) -> str:
    """For machines: every digit, every bound, every status."""
    table = table.copy()
    for column in [c for c in table if str(c).endswith(" each")]:
        table[column] = [" ".join(map(repr, each)) for each in table[column]]
    return plain.csv(table)


def markdown(table: pd.DataFrame) -> str:
    shown = display(table, accuracies(table))
    return plain.markdown(_bold(shown, best(table, shown), "**", "**"), TEXT)


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    r"""A float over both columns, in booktabs style; needs \usepackage{booktabs} and nothing else."""
    shown = display(table, accuracies(table)).map(lambda cell: cell.translate(plain.LATEX))
    return plain.latex(
        _bold(shown, best(table, shown), r"\textbf{", "}"), TEXT, " ".join([caption, *notes(table)]), label
    )


def terminal(table: pd.DataFrame, title: str, width: int) -> "Table":
    """For rich. What a narrow screen has no room for is left out: first intervals, then costs."""
    from rich.console import Console

    deciding = [ranking_column(table)]
    whole = _draw(display(table, accuracies(table)), table, title)
    for shown in (display(table, deciding), display(table, deciding).drop(columns=list(COST), errors="ignore")):
        if Console(width=10_000).measure(whole).maximum > width:
            whole = _draw(shown, table, title)
    return whole


def _draw(shown: pd.DataFrame, table: pd.DataFrame, title: str) -> "Table":
    return plain.terminal(shown, TEXT, title, best(table, shown))


def _bold(shown: pd.DataFrame, where: pd.DataFrame, before: str, after: str) -> pd.DataFrame:
    """The values in bold, not their intervals."""
    strong = shown.map(lambda cell: re.sub(r"^[\d.]+", lambda value: before + value[0] + after, cell))
    return shown.where(~where, strong)
