"""The page of unions: which images withstand the attacks in balls of several norms, in reports/norms/."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from bench.report import cache as stored
from bench.report.boards import Board
from bench.report.files import Content, in_folder
from bench.report.folder_names import folder_names
from bench.report.labels import line_name
from bench.report.norms.table import UNION, ball_name, norm_boards, union_table
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.latex import latex_table
from bench.report.table_formats.latex_text import escape_latex
from bench.report.table_formats.table_text import MISSING

if TYPE_CHECKING:
    from rich.console import Console

LEFT_COLUMNS = ("Recipe",)  # columns set flush left
NOTE = (
    "Percent of the images that are right when clean and under every attack in the ball; in Union, in all balls. In "
    "brackets 95 % intervals of one seed; of several, mean \N{PLUS-MINUS SIGN} std."
)


class UnionOfBalls(NamedTuple):
    """Several balls, and the table of `union_table` about them."""

    balls: tuple[Board, ...]
    table: pd.DataFrame

    @property
    def names(self) -> list[str]:
        """The names of the balls."""
        return [ball_name(ball) for ball in self.balls]


@stored.cached_by_folder(1)
def find_unions(results: Path, only: frozenset[str] | None = None) -> dict[Board, UnionOfBalls]:
    """All unions of a results folder. only: the runs to include; None for all."""
    rows = stored.rows(results)
    boards = norm_boards(rows if only is None else rows[rows["run"].isin(only)])
    runs = sorted({run for balls in boards.values() for part in balls.values() for run in part["run"].unique()})
    outcomes = stored.outcomes(results, runs)
    return {board: UnionOfBalls(tuple(balls), union_table(balls, outcomes)) for board, balls in boards.items()}


def find_folders(unions: Iterable[Board]) -> dict[Board, str]:
    """The folder of each union below reports/norms/."""
    return folder_names({board: board.identity for board in unions})


class NormsPage:
    """The topic `norms` of a report: accuracy under attacks in balls of several norms together."""

    folder = "norms"

    def files(self, results: Path) -> dict[str, Content]:
        """norms.md with all tables, and a folder with each as CSV; empty if no model was attacked in two norms."""
        made: dict[str, Content] = {}
        sections = ["# Several norms together\n"]
        unions = find_unions(results)
        folders = find_folders(unions)
        for board, union in unions.items():
            shown, folder = display(union.table, union.names), folders[board]
            text = "\n\n".join([NOTE, *map(plain.escape, notes(union.table))])
            latex = _latex(shown, board.title, f"tab:norms-{folder}", [NOTE, *notes(union.table)])
            csv = plain.csv(union.table.drop(columns=_lists(union.table)))
            made |= in_folder(folder, {"union.csv": csv, "union.tex": latex})
            sections.append(f"## {plain.escape(board.title)}\n\n{plain.markdown(shown, LEFT_COLUMNS)}\n{text}\n")
        return {"norms.md": "\n".join(sections), **made} if made else {}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print each table on the terminal. only: the runs to include; None for all."""
        for board, union in find_unions(results, only).items():
            plain.print_table(console, display(union.table, union.names), LEFT_COLUMNS, board.title)
            plain.print_notes(console, [NOTE, *notes(union.table)])


def _latex(shown: pd.DataFrame, title: str, label: str, notes_below: list[str]) -> str:
    return latex_table(shown.map(escape_latex), LEFT_COLUMNS, f"Several norms together, {title}.", label, notes_below)


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
