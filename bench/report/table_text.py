"""A table of text as Markdown, LaTeX, CSV or on the terminal.

Names, reasons and settings may be anybody's: each format keeps them from being more than text.
"""

import re
from collections.abc import Collection, Iterable
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.core.parsing import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


MISSING = "\N{EN DASH}"  # what stands where there is no number
LATEX = str.maketrans(
    {chr(code): " " for code in (*range(32), 127)}
    | {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "\N{EN DASH}": "--"}
)


FORMULA = re.compile(r"[=+@\t\r-].", re.DOTALL)  # at the beginning of a cell, to a spreadsheet
NUMBER = re.compile(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?%?")


def escape(text: str) -> str:
    """As Markdown shows it as it is: no HTML, link, picture, code or column of its own, and on one line.

    Emphasis is left: our own marks are in the cells already, and nobody is harmed by it.
    """
    text = re.sub(r"[\\`|]", r"\\\g<0>", printable(text))
    text = re.sub(r"\](?=[(\[:])", r"\]", text)
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def csv(table: pd.DataFrame) -> str:
    """For people, so that a text which a spreadsheet would compute begins with an apostrophe.

    Only `results.csv` in a run folder is faithful to the letter: it is read by the bench alone.
    """

    texts = {str(c): table[c].map(_defuse) for c in table if not pd.api.types.is_numeric_dtype(table[c])}
    return table.assign(**texts).rename(columns=_defuse).to_csv(index=False, lineterminator="\n")


def _defuse(cell: Any) -> Any:
    dangerous = isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if dangerous else cell


def markdown(shown: pd.DataFrame, left: Collection[str]) -> str:
    """left: the columns set flush left."""
    cells: list[list[str]] = shown.map(escape).to_numpy().tolist()
    heads = [escape(str(column)) for column in shown]
    lines = [heads, [":--" if column in left else "--:" for column in shown], *cells]
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


def print_lines(console: "Console", lines: Iterable[str]) -> None:
    """Sentences below a table on the terminal."""
    from rich.text import Text

    for line in lines:
        console.print(Text(printable(line), "dim"))


def print_notes(console: "Console", lines: Iterable[str]) -> None:
    """The last sentences below a table on the terminal, and an empty line."""
    print_lines(console, [*lines, ""])


def print_badge(console: "Console", badge: str) -> None:
    """What a reader must know of the table, in reverse; nothing where there is nothing."""
    from rich.text import Text

    if badge:
        console.print(Text(f" {printable(badge)} ", "reverse"))


def print_table(
    console: "Console", shown: pd.DataFrame, left: Collection[str], title: str, bold: pd.DataFrame | None = None
) -> None:
    """A table on the terminal, in parts one below the other where it is too wide; each begins with what names a line.

    left: the columns set flush left; the first of them name the lines. bold: which cells are, a frame of bool.
    """
    from rich.text import Text

    if title:
        console.print(Text(printable(title), "bold"))
    for columns in split_columns(shown, left, console.width):
        part = shown[columns]
        console.print(terminal(part, left, None if bold is None else bold[columns]))


def split_columns(shown: pd.DataFrame, left: Collection[str], width: int) -> list[list[str]]:
    """The columns in parts of at most so many characters, each with all up to those in `left` that name the lines."""
    columns = [str(column) for column in shown]
    names = next((place for place, column in enumerate(columns) if column in left), 0)
    first = columns[:names] + list(takewhile(lambda column: column in left, columns[names:]))
    parts, part = list[list[str]](), first
    for column in columns[len(first) :]:
        if part != first and width_of(shown[[*part, column]]) > width:
            parts, part = [*parts, part], first
        part = [*part, column]
    return [*parts, part]


def width_of(shown: pd.DataFrame) -> int:
    """Characters that a table takes on a terminal."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, map(printable, [str(name), *cells]))) for name, cells in shown.items()]
    return sum(widths) + 2 * len(widths) + 1


def terminal(shown: pd.DataFrame, left: Collection[str], bold: pd.DataFrame | None = None) -> "Table":
    """For rich. bold: which cells are, a frame of bool."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text throughout: "PGD-20 [restarts=5]" would be read as markup
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in shown:
        drawn.add_column(Text(printable(column)), justify="left" if column in left else "right", overflow="fold")
    strong = shown.map(lambda cell: False) if bold is None else bold
    for row, which in zip(shown.to_numpy(), strong.to_numpy(), strict=True):
        drawn.add_row(*(Text(printable(cell), "bold" if heavy else "") for cell, heavy in zip(row, which, strict=True)))
    return drawn
