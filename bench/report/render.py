"""One leaderboard as Markdown, LaTeX, CSV or on the terminal."""

import re
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.tables import accuracies, ranked_by
from bench.report.words import COST, MISSING, best, display, notes

if TYPE_CHECKING:
    from rich.table import Table

TEXT = ("Recipe", "Corruption", "Verdict", "Source", "Target", "Without")  # columns set flush left
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
    return pipes(_bold(shown, best(table, shown), "**", "**"))


def pipes(shown: pd.DataFrame) -> str:
    """A Markdown table of cells that are Markdown already."""
    names, cells = [str(column) for column in shown], shown.to_numpy().tolist()
    lines: list[list[str]] = [names, [":--" if name in TEXT else "--:" for name in names], *cells]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    r"""A float over both columns, in booktabs style; needs \usepackage{booktabs} and nothing else."""
    shown = display(table, accuracies(table)).map(lambda cell: cell.translate(LATEX))
    shown = _bold(shown, best(table, shown), r"\textbf{", "}")
    return booktabs(shown, " ".join([caption, *notes(table)]), label)


def booktabs(shown: pd.DataFrame, caption: str, label: str) -> str:
    """A LaTeX float of cells that are LaTeX already; headings and caption are not yet."""
    layout = "".join("l" if column in TEXT else "r" for column in shown)
    shown.columns = pd.Index([str(column).translate(LATEX) for column in shown])
    text = shown.style.hide(axis="index").to_latex(
        hrules=True,
        environment="table*",
        position="t",
        position_float="centering",
        column_format=f"@{{}}{layout}@{{}}",
        caption=caption.translate(LATEX),
        label=label,
    )
    return text.replace("\\centering\n", "\\centering\n\\footnotesize\\setlength{\\tabcolsep}{3pt}\n", 1)


def terminal(table: pd.DataFrame, title: str, width: int) -> "Table":
    """For rich. What a narrow screen has no room for is left out: first intervals, then costs."""
    from rich.console import Console

    deciding = [ranked_by(table)]
    whole = _terminal(display(table, accuracies(table)), table, title)
    for shown in (display(table, deciding), display(table, deciding).drop(columns=list(COST), errors="ignore")):
        if Console(width=10_000).measure(whole).maximum > width:
            whole = _terminal(shown, table, title)
    return whole


def _terminal(shown: pd.DataFrame, table: pd.DataFrame, title: str) -> "Table":
    return drawn(shown, best(table, shown), title)


def drawn(shown: pd.DataFrame, strong: pd.DataFrame, title: str) -> "Table":
    """For rich. strong: which cells are bold."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text throughout: "PGD-20 [restarts=5]" would be read as markup
    made = Table(title=Text(title), box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", pad_edge=False)
    made.padding = (0, 1, 0, 0)
    for column in shown:
        made.add_column(Text(str(column)), justify="left" if column in TEXT else "right", overflow="fold")
    for row, bold in zip(shown.to_numpy(), strong.to_numpy(), strict=True):
        made.add_row(*(Text(cell, "bold" if heavy else "") for cell, heavy in zip(row, bold, strict=True)))
    return made


def _bold(shown: pd.DataFrame, where: pd.DataFrame, before: str, after: str) -> pd.DataFrame:
    """The values in bold, not their intervals."""
    strong = shown.map(lambda cell: re.sub(r"^[\d.]+", lambda value: before + value[0] + after, cell))
    return shown.where(~where, strong)
