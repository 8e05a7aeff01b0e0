"""The page of exhibits: writes reports/exhibits/ from a results folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.boards import scale_of
from bench.report.exhibits.exhibit_files import find_exhibits
from bench.report.exhibits.overfitting import curves
from bench.report.exhibits.sections import LEFT_COLUMNS, ExhibitTable, exhibit_tables
from bench.report.files import Content
from bench.report.folder_names import Identity, folder_names
from bench.report.table_formats import table_text as plain

if TYPE_CHECKING:
    from rich.console import Console

BOARD_COLUMNS = ["dataset", "model", "budget"]


class ExhibitsPage:
    """The topic `exhibits` of a report: gradients, batch norms, feature maps, losses, robust overfitting."""

    folder = "exhibits"

    def files(self, results: Path) -> dict[str, Content]:
        """exhibits.md with all tables, and a folder for each group with figures and the numbers behind them.

        The lowest seed is shown. Empty if there is no exhibit and no training log with hold-out accuracies.
        """
        sections, made = ["# Exhibits\n"], dict[str, Content]()
        for title, parts in _find_parts(results):
            sections.append(f"## {plain.escape(title)}\n")
            for part in parts:
                sections.append(part.section)
                made |= part.files
        return {"exhibits.md": "\n".join(sections), **made} if made else {}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print the tables. only: the runs that they are of."""
        for title, parts in _find_parts(results, only):
            for part in parts:
                if len(part.shown):
                    plain.print_table(console, part.display, LEFT_COLUMNS, f"{part.head}, {title}")
                    plain.print_notes(console, [part.caption])


def _find_parts(results: Path, only: frozenset[str] | None = None) -> Iterator[tuple[str, Iterator[ExhibitTable]]]:
    """For each group of models with one data set, architecture and budget: its title, and its sections."""
    found, watched = (
        rows if only is None else rows[rows["run"].isin(only)] for rows in (find_exhibits(results), curves(results))
    )
    for whose, folder in folder_names({whose: _identity(whose) for whose in _groups(found, watched)}).items():
        title = ", ".join(whose)
        yield title, exhibit_tables(_of(found, whose), _of(watched, whose), title, folder)


def _groups(*tables: pd.DataFrame) -> list[tuple[str, ...]]:
    """The distinct values of BOARD_COLUMNS in several tables."""
    every = (
        line for rows in tables for line in rows[BOARD_COLUMNS].drop_duplicates().itertuples(index=False, name=None)
    )
    return [*dict.fromkeys(every)]


def _identity(whose: tuple[str, ...]) -> Identity:
    dataset, model, budget = whose
    return Identity((dataset, model, scale_of(budget)), (tuple(budget.split(", ")),))


def _of(rows: pd.DataFrame, whose: tuple[str, ...]) -> pd.DataFrame:
    return rows[(rows[BOARD_COLUMNS] == list(whose)).all(axis=1)]
