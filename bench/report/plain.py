"""A table of text as Markdown, LaTeX or on the terminal."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from rich.table import Table


LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "\N{EN DASH}": "--"}
)


def markdown(shown: pd.DataFrame, left: Collection[str]) -> str:
    """left: the columns set flush left."""
    cells: list[list[str]] = shown.map(lambda cell: cell.replace("|", r"\|")).to_numpy().tolist()
    lines = [[str(column) for column in shown], [":--" if column in left else "--:" for column in shown], *cells]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def latex(shown: pd.DataFrame, left: Collection[str], caption: str, label: str) -> str:
    r"""A float over both columns, in booktabs style; cells are LaTeX already, heads and caption are plain text."""
    layout = "".join("l" if column in left else "r" for column in shown)
    headed = shown.set_axis([str(column).translate(LATEX) for column in shown], axis="columns")
    text = headed.style.hide(axis="index").to_latex(
        hrules=True,
        environment="table*",
        position="t",
        position_float="centering",
        column_format=f"@{{}}{layout}@{{}}",
        caption=caption.translate(LATEX),
        label=label,
    )
    return text.replace("\\centering\n", "\\centering\n\\footnotesize\\setlength{\\tabcolsep}{3pt}\n", 1)


def terminal(shown: pd.DataFrame, left: Collection[str], title: str, bold: pd.DataFrame | None = None) -> "Table":
    """For rich. bold: which cells are, a frame of bool."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text throughout: "PGD-20 [restarts=5]" would be read as markup
    drawn = Table(title=Text(title), box=box.SIMPLE_HEAD, title_style="bold", title_justify="left", pad_edge=False)
    drawn.padding = (0, 1, 0, 0)
    for column in shown:
        drawn.add_column(Text(str(column)), justify="left" if column in left else "right", overflow="fold")
    strong = shown.map(lambda cell: False) if bold is None else bold
    for row, which in zip(shown.to_numpy(), strong.to_numpy(), strict=True):
        drawn.add_row(*(Text(cell, "bold" if heavy else "") for cell, heavy in zip(row, which, strict=True)))
    return drawn
