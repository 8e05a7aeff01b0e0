"""The page of precisions: what training and attacking in bf16 instead of fp32 changes, in reports/precision/."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from bench.report import cache as stored
from bench.report.boards import Board
from bench.report.files import Content, in_folder
from bench.report.folder_names import folder_names
from bench.report.labels import condition_name, line_name
from bench.report.precision.table import precision_boards, precision_table, training_without_precision, uncompared
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.latex import latex_table
from bench.report.table_formats.latex_text import escape_latex
from bench.report.table_formats.table_text import MISSING
from bench.results.row import EXTERNAL
from bench.results.store import read_job

if TYPE_CHECKING:
    from rich.console import Console

LEFT_COLUMNS = ("Recipe", "Accuracy")  # columns set flush left
NOTE = (
    "Accuracy in percent, of trainings that differ in the precision alone, on the same images. Points: bf16 minus "
    "fp32, so that a positive number means a higher accuracy in bf16. Trainings in bf16 are attacked in bf16 too, and "
    "a weaker search would also raise the accuracy; outcomes are scored in fp32. The 95 % interval of one seed is that "
    "of a paired bootstrap over images, which leaves out how far apart two trainings of one recipe are anyway; that of "
    "several is Student's over their differences."
)
NOTE_OF_EXTERNAL = (
    "Accuracy in percent of models from outside, attacked in fp32 and in bf16, on the same images. Points: bf16 minus "
    "fp32, so that a positive number means that the search in bf16 found fewer errors; outcomes are scored in fp32. "
    "The 95 % interval is that of a paired bootstrap over images."
)


class Comparison(NamedTuple):
    """A table of `precision_table`, and the sentences below it."""

    table: pd.DataFrame
    notes: list[str]


@stored.cached_by_folder(1)
def find_comparisons(results: Path, only: frozenset[str] | None = None) -> dict[Board, Comparison]:
    """The comparison of each board in fp32 with that in bf16. only: the runs to include; None for all."""
    rows = stored.rows(results)
    rows = rows if only is None else rows[rows["run"].isin(only)]
    trainings = {run: training_without_precision(run, read_job(results / run)) for run in rows["run"].unique()}
    found: dict[Board, Comparison] = {}
    for board, both in precision_boards(rows.assign(training=rows["run"].map(trainings))).items():
        outcomes = stored.outcomes(results, sorted({run for part in both for run in part["run"].unique()}))
        table = precision_table(both, outcomes)
        if len(table):
            alone = [f"In {name} alone: {'; '.join(what)}." for name, what in uncompared(both).items() if what]
            note = NOTE_OF_EXTERNAL if board.model == EXTERNAL else NOTE
            found[board] = Comparison(table, [note, *_doubts(table), *alone])
    return found


def _doubts(table: pd.DataFrame) -> list[str]:
    """A sentence for each accuracy that failed, lacks something, or whose attack reported a sign of masking."""
    return [
        f"{line_name(line['recipe'])}, {condition_name(line['column'])}: {text}."
        for line in table.to_dict("records")
        for text in (line["status"], line["verdict"])
        if text not in ("", "ok")
    ]


class PrecisionPage:
    """The topic `precision` of a report: the same trainings in fp32 and in bf16."""

    folder = "precision"

    def files(self, results: Path) -> dict[str, Content]:
        """precision.md with all tables, and a folder with each as CSV; empty if nothing was trained in both."""
        made: dict[str, Content] = {}
        sections = ["# What bf16 changes\n"]
        found = find_comparisons(results)
        folders = folder_names({board: board.identity for board in found})
        for board, (table, notes) in found.items():
            shown, folder = display(table), folders[board]
            caption = f"What bf16 changes, {board.title}."
            latex = latex_table(shown.map(escape_latex), LEFT_COLUMNS, caption, f"tab:precision-{folder}", notes)
            made |= in_folder(folder, {"precision.csv": plain.csv(table), "precision.tex": latex})
            text = "\n\n".join(map(plain.escape, notes))
            sections.append(f"## {plain.escape(board.title)}\n\n{plain.markdown(shown, LEFT_COLUMNS)}\n{text}\n")
        return {"precision.md": "\n".join(sections), **made} if made else {}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print each table on the terminal. only: the runs to include; None for all."""
        for board, (table, notes) in find_comparisons(results, only).items():
            plain.print_table(console, display(table), LEFT_COLUMNS, f"What bf16 changes: {board.title}")
            plain.print_notes(console, notes)


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `precision_table` as text."""
    return pd.DataFrame(
        {
            "Recipe": line_name(line["recipe"]),
            "Accuracy": condition_name(line["column"]),
            **{name: _number(line, name) for name in ("fp32", "bf16")},
            "Points": _number(line, "points", "+"),
            "95 % interval": _interval(line),
            "Seeds": str(line["seeds"]),
        }
        for line in table.to_dict("records")
    )


def _number(line: dict[Any, Any], name: str, sign: str = "") -> str:
    if math.isnan(line[name]):
        return "failed"
    return _one_decimal(line[name], sign)


def _interval(line: dict[Any, Any]) -> str:
    if math.isnan(line["low"]):
        return MISSING
    return f"{_one_decimal(line['low'])} to {_one_decimal(line['high'])}"


def _one_decimal(number: float, sign: str = "") -> str:
    return f"{round(number, 1) + 0.0:{sign}.1f}"  # adding 0 turns -0 into 0
