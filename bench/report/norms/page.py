"""The page of unions: which images withstand the attacks in balls of several norms, in reports/norms/."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report import cache as stored
from bench.report import table_text as plain
from bench.report.boards import Board
from bench.report.files import Content, in_folder
from bench.report.folder_names import folder_names
from bench.report.labels import line_name
from bench.report.norms.table import UNION, ball_name, norm_boards, union_table
from bench.report.table_text import MISSING

if TYPE_CHECKING:
    from rich.console import Console

LEFT_COLUMNS = ("Recipe",)  # columns set flush left
NOTE = (
    "Percent of the images that are right when clean and under every attack in the ball; in Union, in all balls. In "
    "brackets 95 % intervals of one seed; of several, mean \N{PLUS-MINUS SIGN} std."
)


class NormsPage:
    """The topic `norms` of a report: accuracy under attacks in balls of several norms together."""

    folder = "norms"

    def files(self, results: Path) -> dict[str, Content]:
        """norms.md with all tables, and a folder with each as CSV; empty if no model was attacked in two norms."""
        made: dict[str, Content] = {}
        sections = ["# Several norms together\n"]
        tables = _tables(stored.rows(results), results)
        folders = folder_names({board: board.identity for board in tables})
        for board, (balls, table) in tables.items():
            made |= in_folder(folders[board], {"union.csv": plain.csv(table.drop(columns=_lists(table)))})
            shown = plain.markdown(display(table, balls), LEFT_COLUMNS)
            text = "\n\n".join([NOTE, *map(plain.escape, notes(table))])
            sections.append(f"## {plain.escape(board.title)}\n\n{shown}\n{text}\n")
        return {"norms.md": "\n".join(sections), **made} if made else {}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print each table on the terminal. only: the runs to include; None for all."""
        rows = stored.rows(results)
        for board, (balls, table) in _tables(rows if only is None else rows[rows["run"].isin(only)], results).items():
            plain.print_table(console, display(table, balls), LEFT_COLUMNS, board.title)
            plain.print_notes(console, [NOTE, *notes(table)])


def _tables(rows: pd.DataFrame, results: Path) -> dict[Board, tuple[list[str], pd.DataFrame]]:
    """The names of the balls and the table of each union."""
    boards = norm_boards(rows)
    runs = sorted({run for balls in boards.values() for part in balls.values() for run in part["run"].unique()})
    outcomes = stored.outcomes(results, runs)
    return {
        board: ([ball_name(ball) for ball in balls], union_table(balls, outcomes)) for board, balls in boards.items()
    }


def _lists(table: pd.DataFrame) -> list[str]:
    return [str(column) for column in table if str(column).endswith(" each")]


def display(table: pd.DataFrame, balls: list[str]) -> pd.DataFrame:
    """The table of `union_table` as text. balls: their names, in the order of the columns."""
    columns = ["Clean", *balls, UNION]
    return pd.DataFrame(
        {"Recipe": line_name(line["recipe"])} | {column: _percent(line, column) for column in columns}
        for line in table.to_dict("records")
    )


def _percent(line: dict[Any, Any], column: str) -> str:
    value, std, low, high = (line[f"{column}{field}"] for field in ("", " std", " low", " high"))
    if math.isnan(value):
        return "failed" if line[f"{column} status"].startswith("failed") else MISSING
    return f"{value:.1f} [{low:.1f}, {high:.1f}]" if math.isnan(std) else f"{value:.1f} \N{PLUS-MINUS SIGN} {std:.1f}"


def notes(table: pd.DataFrame) -> list[str]:
    """A sentence for each line whose union lacks an attack that another line has, or whose attack has failed."""
    return [
        f"{line_name(line['recipe'])}: {line[f'{UNION} status']}."
        for line in table.to_dict("records")
        if line[f"{UNION} status"] not in ("ok", "missing")
    ]
