"""One leaderboard as CSV, Markdown or LaTeX."""

import re

import pandas as pd

from bench.report.leaderboard.table import drop_unattacked
from bench.report.leaderboard.text import LEFT_COLUMNS, best, caption, display, heads, notes
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.latex import latex_table
from bench.report.table_formats.latex_text import escape_latex


def csv(table: pd.DataFrame) -> str:
    """CSV for programs, with all digits, interval ends and statuses."""
    table = table.copy()
    for column in [c for c in table if str(c).endswith(" each")]:
        table[column] = [" ".join(map(repr, each)) for each in table[column]]
    return plain.csv(table)


def markdown(table: pd.DataFrame) -> str:
    """Markdown for readers, rounded; lines that no attack was run on are left out."""
    table = drop_unattacked(table)
    shown = display(table, heads(table))
    return plain.markdown(_bold(shown, best(table, shown), "**", "**"), LEFT_COLUMNS)


def latex(table: pd.DataFrame, where: str, label: str) -> str:
    """Floats in booktabs style, as of `latex_table`. where: the board, in the caption; all else stands below."""
    whole, table = table, drop_unattacked(table)
    shown = display(table, heads(table)).map(escape_latex)
    bold = _bold(shown, best(table, shown), r"\textbf{", "}")
    return latex_table(bold, LEFT_COLUMNS, f"Accuracy in percent, {where}", label, [caption(whole), *notes(whole)])


def _bold(shown: pd.DataFrame, where: pd.DataFrame, before: str, after: str) -> pd.DataFrame:
    """Put marks around the values of chosen cells, not around their intervals."""
    strong = shown.map(lambda cell: re.sub(r"^[\d.]+", lambda value: before + value[0] + after, cell))
    return shown.where(~where, strong)
