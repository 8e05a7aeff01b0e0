"""One leaderboard as CSV, Markdown or LaTeX."""

import re

import pandas as pd

from bench.report import table_text as plain
from bench.report.leaderboard.text import TEXT, attacked_lines, best, display, heads, notes


def csv(table: pd.DataFrame) -> str:
    """For machines: every digit, every bound, every status."""
    table = table.copy()
    for column in [c for c in table if str(c).endswith(" each")]:
        table[column] = [" ".join(map(repr, each)) for each in table[column]]
    return plain.csv(table)


def markdown(table: pd.DataFrame) -> str:
    table = attacked_lines(table)
    shown = display(table, heads(table))
    return plain.markdown(_bold(shown, best(table, shown), "**", "**"), TEXT)


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    r"""A float over both columns, in booktabs style; needs \usepackage{booktabs} and nothing else."""
    whole, table = table, attacked_lines(table)
    shown = display(table, heads(table)).map(lambda cell: cell.translate(plain.LATEX))
    return plain.latex(
        _bold(shown, best(table, shown), r"\textbf{", "}"), TEXT, " ".join([caption, *notes(whole)]), label
    )


def _bold(shown: pd.DataFrame, where: pd.DataFrame, before: str, after: str) -> pd.DataFrame:
    """The values in bold, not their intervals."""
    strong = shown.map(lambda cell: re.sub(r"^[\d.]+", lambda value: before + value[0] + after, cell))
    return shown.where(~where, strong)
