"""What `bench list` prints; torch is imported only for what is not kept in `code_facts`."""

import re
import textwrap
from functools import partial
from typing import Any

import pandas as pd

from bench.commands.code_facts import Fact, recall
from bench.report.table_formats.table_text import markdown

NUMERIC_COLUMNS = ("Passes", "Exam", "Classes", "Parameters")  # set flush right
MIN_LAST_WIDTH = 36  # least width of the last column, for which others are left out
DROPPED_WHEN_NARROW = ("Attacks", "Family", "Paper")  # columns that are left out on a narrow terminal, in this order


def as_names(kind: str) -> list[str]:
    """All names of a kind, one a line."""
    return list(recall("names", kind, partial(_find_names, kind)))


def _find_names(kind: str) -> Fact:
    from bench.commands.list.names import homes, names
    from bench.core.foreign.plugins import load_plugins

    load_plugins()
    return Fact(names(kind), homes(kind))


def _recall_table(kind: str, is_brief: bool) -> dict[str, Any]:
    """The columns and rows of a table, and a line for each suffix that may follow its names."""
    form = "brief" if is_brief else "whole"
    found: dict[str, Any] = recall("table", f"{kind} {form}", partial(_find_table, kind, is_brief))
    return found


def _find_table(kind: str, is_brief: bool) -> Fact:
    from bench.commands.list import recipes
    from bench.commands.list.names import REGISTRIES, homes
    from bench.commands.list.tables import TABLES
    from bench.core.foreign.plugins import load_plugins

    load_plugins()
    columns, make = TABLES[kind]
    rows = recipes.rows() if kind == "methods" and not is_brief else make()
    suffixes = REGISTRIES[kind].suffixes() if kind in REGISTRIES else []
    return Fact({"columns": columns, "rows": [list(row) for row in rows], "suffixes": suffixes}, homes(kind))


def as_markdown(kind: str) -> str:
    """The table as Markdown."""
    found = _recall_table(kind, is_brief=False)
    frame = pd.DataFrame([list(row) for row in found["rows"]], columns=found["columns"])
    return markdown(frame, [column for column in found["columns"] if column not in NUMERIC_COLUMNS])


def as_text(kind: str, width: int) -> list[str]:
    """The table as aligned lines; on a narrow terminal the last column is broken and some columns are left out."""
    found = _recall_table(kind, is_brief=True)
    table = pd.DataFrame([[*row[:-1], without_markup(row[-1])] for row in found["rows"]], columns=found["columns"])
    for column in DROPPED_WHEN_NARROW:
        if column in table and sum(lengths(table)[:-1]) + MIN_LAST_WIDTH > width:
            table = table.drop(columns=column)
    widths = lengths(table)
    rest = max(MIN_LAST_WIDTH, width - sum(widths[:-1]))
    lines = []
    for row in [list(table.columns), *table.to_numpy().tolist()]:
        cells = [
            cell.rjust(size - 2) + "  " if column in NUMERIC_COLUMNS else cell.ljust(size)
            for cell, size, column in zip(row[:-1], widths, table.columns, strict=False)
        ]
        before = "".join(cells)
        broken = textwrap.wrap(row[-1], rest, break_on_hyphens=False) or [""]
        lines += [f"{before}{broken[0]}".rstrip(), *(" " * len(before) + part for part in broken[1:])]
    return [*lines, *found["suffixes"]]


def without_markup(text: str) -> str:
    """A text of a docstring without the marks of Markdown: code in backticks, emphasis in asterisks."""
    return re.sub(r"(?<!\w)([`*]+)(\w(?:[^`*]*[^`*\s])?)\1(?!\w)", r"\2", text)


def lengths(table: pd.DataFrame) -> list[int]:
    """The width of each column in characters, with two blanks behind it."""
    return [2 + max(len(str(column)), *table[column].map(len)) for column in table]
