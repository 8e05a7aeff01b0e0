"""Tables of text as Markdown, CSV or on the terminal.

Names, reasons and settings may come from anybody, so each format escapes them.
"""

import re
from collections.abc import Callable, Collection, Iterable
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.core.parsing import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


MISSING = "\N{EN DASH}"  # shown instead of a missing number
FORMULA = re.compile(r"[=+@\t\r-].", re.DOTALL)  # what a spreadsheet takes for a formula
NUMBER = re.compile(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?%?")


def escape(text: str) -> str:
    """Escape text for Markdown: on one line, without HTML, links, pictures, code and column separators.

    Asterisks are kept, as cells already have bold values, and emphasis does no harm.
    """
    text = re.sub(r"[\\`|]", r"\\\g<0>", printable(text))
    text = re.sub(r"\](?=[(\[:])", r"\]", text)
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)


def csv(table: pd.DataFrame) -> str:
    """CSV for people: an apostrophe is put before text that a spreadsheet would compute as a formula.

    `results.csv` in a run folder, which only the bench reads, has text unchanged.
    """
    texts = {str(c): table[c].map(_defuse) for c in table if not pd.api.types.is_numeric_dtype(table[c])}
    return table.assign(**texts).rename(columns=_defuse).to_csv(index=False, lineterminator="\n")


def _defuse(cell: Any) -> Any:
    dangerous = isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if dangerous else cell


def markdown(shown: pd.DataFrame, left: Collection[str]) -> str:
    """A Markdown table, cells escaped. left: the columns set flush left; others are flush right."""
    cells: list[list[str]] = shown.map(escape).to_numpy().tolist()
    heads = [escape(str(column)) for column in shown]
    lines = [heads, [":--" if column in left else "--:" for column in shown], *cells]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def print_lines(console: "Console", lines: Iterable[str]) -> None:
    """Print sentences below a table on the terminal."""
    from rich.text import Text

    for line in lines:
        console.print(Text(printable(line), "dim"))


def print_notes(console: "Console", lines: Iterable[str]) -> None:
    """Print the last sentences below a table on the terminal, and an empty line."""
    print_lines(console, [*lines, ""])


def print_badge(console: "Console", badge: str) -> None:
    """Print a warning about a table in reverse video; nothing if it is empty."""
    from rich.text import Text

    if badge:
        console.print(Text(f" {printable(badge)} ", "reverse"))


def print_table(
    console: "Console", shown: pd.DataFrame, left: Collection[str], title: str, bold: pd.DataFrame | None = None
) -> None:
    """Print a table on the terminal; if it is too wide, in parts, each of which begins with the names of the lines.

    left: the columns set flush left, the first of which name the lines. bold: a frame of bool, which cells are bold.
    """
    from rich.text import Text

    if title:
        console.print(Text(printable(title), "bold"))
    for columns in split_columns(shown, left, console.width):
        part = shown[columns]
        console.print(rich_table(part, left, None if bold is None else bold[columns]))


def split_columns(
    shown: pd.DataFrame, left: Collection[str], width: int, measure: Callable[[pd.DataFrame], int] | None = None
) -> list[list[str]]:
    """The columns in parts of at most such a width, each with all up to those in `left` that name the lines.

    measure: the width of a part; characters on a terminal if not given.
    """
    measure = measure or width_of
    columns = [str(column) for column in shown]
    names = next((place for place, column in enumerate(columns) if column in left), 0)
    first = columns[:names] + list(takewhile(lambda column: column in left, columns[names:]))
    parts, part = list[list[str]](), first
    for column in columns[len(first) :]:
        if part != first and measure(shown[[*part, column]]) > width:
            parts, part = [*parts, part], first
        part = [*part, column]
    return [*parts, part]


def width_of(shown: pd.DataFrame) -> int:
    """Width of a table on a terminal in characters."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, map(printable, [str(name), *cells]))) for name, cells in shown.items()]
    return sum(widths) + 2 * len(widths) + 1


def rich_table(shown: pd.DataFrame, left: Collection[str], bold: pd.DataFrame | None = None) -> "Table":
    """The table as rich prints it. bold: a frame of bool, which cells are bold."""
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
