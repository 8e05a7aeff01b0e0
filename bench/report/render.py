"""One leaderboard as Markdown, LaTeX, CSV or on the terminal."""

import re
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.tables import accuracies, ranked_by
from bench.report.words import COST, MISSING, best, display, notes

if TYPE_CHECKING:
    from rich.table import Table

TEXT = ("Recipe", "Verdict")  # columns set flush left
LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", MISSING: "--"}
)


def csv(table: pd.DataFrame) -> str:
    """For machines: every digit, every bound, every status."""
    return table.to_csv(index=False, lineterminator="\n")


def markdown(table: pd.DataFrame) -> str:
    shown = display(table, accuracies(table)).map(lambda cell: cell.replace("|", r"\|"))
    cells: list[list[str]] = _bold(shown, best(table, shown), "**", "**").to_numpy().tolist()
    lines = [[str(column) for column in shown], [":--" if column in TEXT else "--:" for column in shown], *cells]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    r"""A float over both columns, in booktabs style; needs \usepackage{booktabs} and nothing else."""
    shown = display(table, accuracies(table)).map(lambda cell: cell.translate(LATEX))
    shown = _bold(shown, best(table, shown), r"\textbf{", "}")
    layout = "".join("l" if column in TEXT else "r" for column in shown)
    shown.columns = pd.Index([str(column).translate(LATEX) for column in shown])
    text = shown.style.hide(axis="index").to_latex(
        hrules=True,
        environment="table*",
        position="t",
        position_float="centering",
        column_format=f"@{{}}{layout}@{{}}",
        caption=" ".join([caption, *notes(table)]).translate(LATEX),
        label=label,
    )
    return text.replace("\\centering\n", "\\centering\n\\footnotesize\\setlength{\\tabcolsep}{3pt}\n", 1)


def terminal(table: pd.DataFrame, title: str, width: int) -> "Table":
    """For rich. What a narrow screen has no room for is left out: first intervals, then costs."""
    from rich.console import Console

    deciding = [ranked_by(table)]
    drawn = _draw(display(table, accuracies(table)), table, title)
    for shown in (display(table, deciding), display(table, deciding).drop(columns=list(COST), errors="ignore")):
        if Console(width=10_000).measure(drawn).maximum > width:
            drawn = _draw(shown, table, title)
    return drawn


def _draw(shown: pd.DataFrame, table: pd.DataFrame, title: str) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text throughout: "PGD-20 [restarts=5]" would be read as markup
    drawn = Table(title=Text(title), box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", pad_edge=False)
    drawn.padding = (0, 1, 0, 0)
    for column in shown:
        drawn.add_column(Text(str(column)), justify="left" if column in TEXT else "right", overflow="fold")
    for row, bold in zip(shown.to_numpy(), best(table, shown).to_numpy(), strict=True):
        drawn.add_row(*(Text(cell, "bold" if strong else "") for cell, strong in zip(row, bold, strict=True)))
    return drawn


def _bold(shown: pd.DataFrame, where: pd.DataFrame, before: str, after: str) -> pd.DataFrame:
    """The values in bold, not their intervals."""
    strong = shown.map(lambda cell: re.sub(r"^[\d.]+", lambda value: before + value[0] + after, cell))
    return shown.where(~where, strong)
