"""The page of precisions: what training and attacking in bf16 instead of fp32 changes, in reports/precision/."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report import cache as stored
from bench.report.boards import Board
from bench.report.files import Content, in_folder
from bench.report.folder_names import folder_names
from bench.report.labels import column_order, condition_name, line_name
from bench.report.precision.table import precision_boards, precision_table, unpaired_lines
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.latex import latex_table
from bench.report.table_formats.latex_text import escape_latex
from bench.report.table_formats.table_text import MISSING

if TYPE_CHECKING:
    from rich.console import Console

LEFT_COLUMNS = ("Recipe",)  # columns set flush left
NOTE = (
    "Accuracy of what was trained and attacked in fp32 minus that of the same in bf16, in percentage points on the "
    "same images. Models from outside are the same in both, and attacked in the one or the other. Worst is under the "
    "attacks that both have. In brackets are 95 % intervals: of one seed, of a paired bootstrap over images, which "
    "leaves out what another training would change; of several, Student's over the differences of equal seeds."
)
Difference = tuple[pd.DataFrame, list[str]]  # a table of `precision_table`, and the notes below it


@stored.cached_by_folder(1)
def find_differences(results: Path, only: frozenset[str] | None = None) -> dict[Board, Difference]:
    """The table of each board in fp32 that there is in bf16 too. only: the runs to include; None for all."""
    rows = stored.rows(results)
    found: dict[Board, Difference] = {}
    for board, both in precision_boards(rows if only is None else rows[rows["run"].isin(only)]).items():
        runs = sorted({run for part in both for run in part["run"].unique()})
        table = precision_table(both, stored.outcomes(results, runs))
        if len(table):
            alone = {name: lines for name, lines in unpaired_lines(both, table).items() if lines}
            missing = [f"In {name} alone: {', '.join(map(line_name, lines))}." for name, lines in alone.items()]
            found[board] = table, [NOTE, *missing]
    return found


class PrecisionPage:
    """The topic `precision` of a report: the same trainings in fp32 and in bf16."""

    folder = "precision"

    def files(self, results: Path) -> dict[str, Content]:
        """precision.md with all tables, and a folder with each as CSV; empty if nothing was trained in both."""
        made: dict[str, Content] = {}
        sections = ["# What bf16 changes\n"]
        found = find_differences(results)
        folders = folder_names({board: board.identity for board in found})
        for board, (table, notes) in found.items():
            shown, folder = display(table), folders[board]
            caption = f"Accuracy in fp32 minus that in bf16, {board.title}."
            latex = latex_table(shown.map(escape_latex), LEFT_COLUMNS, caption, f"tab:precision-{folder}", notes)
            made |= in_folder(folder, {"precision.csv": plain.csv(table), "precision.tex": latex})
            text = "\n\n".join(map(plain.escape, notes))
            sections.append(f"## {plain.escape(board.title)}\n\n{plain.markdown(shown, LEFT_COLUMNS)}\n{text}\n")
        return {"precision.md": "\n".join(sections), **made} if made else {}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print each table on the terminal. only: the runs to include; None for all."""
        for board, (table, notes) in find_differences(results, only).items():
            plain.print_table(console, display(table), LEFT_COLUMNS, f"fp32 minus bf16: {board.title}")
            plain.print_notes(console, notes)


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `precision_table` as text, with a line for each recipe."""
    columns = sorted(table["column"].unique(), key=_order)
    lines = []
    for recipe, part in table.groupby("recipe", sort=False):
        cells = {line["column"]: _text(line) for line in part.to_dict("records")}
        named = {condition_name(column): cells.get(column, MISSING) for column in columns}
        seeds = " to ".join(map(str, sorted({part["seeds"].min(), part["seeds"].max()})))
        lines.append({"Recipe": line_name(str(recipe)), **named, "Seeds": seeds})
    return pd.DataFrame(lines)


def _order(column: str) -> tuple[int, tuple[int, int, str]]:
    """Sort key of columns: Clean, the attacks as on a board, Worst."""
    return {"Clean": 0, "Worst": 2}.get(column, 1), column_order(column)


def _text(line: dict[Any, Any]) -> str:
    if math.isnan(line["points"]):
        return "failed" if line["status"].startswith("failed") else MISSING
    return f"{line['points']:+.1f} [{line['low']:.1f}, {line['high']:.1f}]"
