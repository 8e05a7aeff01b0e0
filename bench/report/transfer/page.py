"""The page of transfer: matrices on the terminal, and files in reports/transfer/."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report import cache as stored
from bench.report.boards import Board
from bench.report.files import Content, figure, in_folder
from bench.report.folder_names import Identity, folder_names
from bench.report.labels import condition_name, line_name
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.latex import latex_table
from bench.report.table_formats.latex_text import escape_latex
from bench.report.table_formats.table_text import MISSING
from bench.report.transfer.table import TransferMatrix, matrices

if TYPE_CHECKING:
    from rich.console import Console

CELL_NOTE = (
    "Accuracy in percent of each target (column) on the attack's last iterates, made on each source (line) of every "
    "image, right or wrong. "
)
INTERVAL_NOTE = "± is the wider side of the 95 % Wilson interval. "
ALL_NOTE = "Of all {n} images."
MARK_NOTE = (
    " In italics, images made on the target itself; in bold, those of the strongest other source, if there is one."
)
BOTH_NOTE = "Of the images, their number in brackets, that source and target both get right when clean."
BOUND_NOTE = (
    "White-box: images made on the target itself. Black-box: the share that the target gets right whichever source "
    "outside its own training the images were made on."
)

LEFT_COLUMNS = ("Source", "Target", "Without")  # columns set flush left

Mark = Callable[
    [str, bool, bool], str
]  # marks the text of a cell, if it is white-box, or of the strongest other source


@stored.cached_by_folder(1)
def find_matrices(results: Path, only: frozenset[str] | None = None) -> dict[tuple[Board, str], TransferMatrix]:
    """All matrices of a results folder. only: the runs to show as targets; None for all."""
    rows = stored.rows(results)
    outcomes = stored.outcomes(results, rows["run"].unique())
    targets = rows["run"].isin(rows["run"] if only is None else [*only])
    return matrices(rows[targets | (rows["source"] == "")], outcomes)


class TransferPage:
    """The topic `transfer` of a report."""

    folder = "transfer"

    def files(self, results: Path) -> dict[str, Content]:
        """transfer.md with all tables, and a folder for each matrix with its table, heat map and numbers.

        Empty if there are no rows of transfer.
        """
        from bench.report.transfer.figures import heat_map

        made: dict[str, Content] = {}
        sections = ["# Transfer\n"]
        found = find_matrices(results)
        folders = folder_names({(board, attack): _identity(board, attack) for board, attack in found})
        for (board, attack), matrix in found.items():
            title, folder = f"{board.title}, {condition_name(attack)}", folders[board, attack]
            files: dict[str, Content] = {"matrix.csv": plain.csv(matrix.cells), "bounds.csv": plain.csv(matrix.bounds)}
            files |= {"matrix.tex": _latex(matrix, title, folder), **figure("heat", partial(heat_map, matrix, title))}
            made |= in_folder(folder, files)
            sections.append(_section(matrix, title, folder))
        return {"transfer.md": "\n".join(sections), **made} if made else {}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print every matrix on the terminal. only: the runs to show as targets; None for all."""
        for (board, attack), matrix in find_matrices(results, only).items():
            title, shown = f"{board.title}, {condition_name(attack)}", grid(matrix)
            if plain.width_of(shown) > console.width:
                shown = shown.map(lambda cell: cell.partition(" ±")[0])
            for part, heading in ((shown, title), (summary(matrix), "")):
                plain.print_table(console, part, LEFT_COLUMNS, heading)
            plain.print_notes(
                console, [CELL_NOTE + INTERVAL_NOTE + ALL_NOTE.format(n=board.n), BOUND_NOTE, *notes(matrix)]
            )


def _identity(board: Board, attack: str) -> Identity:
    """The words that the name of a matrix's folder is made of."""
    name, _, settings = attack.partition(" [")
    return board.identity.with_word(name, *filter(None, [settings]))


def grid(matrix: TransferMatrix, value: str = "", mark: Mark = lambda text, itself, strongest: text) -> pd.DataFrame:
    """The cells as text, a line a source, a column a target. value: `both` for accuracy on images correct on both."""
    lines: dict[str, dict[str, str]] = {}
    strangers = matrix.cells[~matrix.cells["own"]]
    lowest = strangers.groupby("target")["value"].min()
    ties = strangers[strangers["value"] == strangers["target"].map(lowest)]["target"].value_counts()
    for cell in matrix.cells.to_dict("records"):
        text = _percent(cell, value or "value", f" ({cell['both_n']})" if value else None)
        strongest = not value and not cell["own"] and cell["value"] == lowest[cell["target"]]
        strongest &= ties.get(cell["target"]) == 1
        line = lines.setdefault(line_name(cell["source"]), {})
        line[line_name(cell["target"])] = mark(text, bool(cell["itself"]), bool(strongest))
    return pd.DataFrame([{"Source": source, **line} for source, line in lines.items()])


def summary(matrix: TransferMatrix) -> pd.DataFrame:
    """White-box and black-box accuracy of each target as text."""
    return pd.DataFrame(
        {
            "Target": line_name(line["target"]),
            "Clean": _percent(line, "clean"),
            "White-box": _percent(line, "white_box"),
            "Black-box": _percent(line, "black_box"),
            "Sources": str(line["sources"]),
        }
        for line in matrix.bounds.to_dict("records")
    )


def notes(matrix: TransferMatrix) -> list[str]:
    """Sentences below the table: failures, doubts, and sources that a bound lacks."""
    sentences = [
        f"{line_name(cell['target'])} from {line_name(cell['source'])}: {cell['status']}."
        for cell in _with(matrix, "status", "failed")
    ]
    doubts = {cell["source"]: cell["verdict"] for cell in _with(matrix, "verdict", "suspect")}
    sentences += [f"Images made on {line_name(source)} are {verdict}." for source, verdict in doubts.items()]
    incomplete = matrix.bounds[matrix.bounds["without"] != ""]
    for line in incomplete.to_dict("records"):
        sentences.append(f"Black-box of {line_name(line['target'])} is without {line['without']}.")
    return sentences


def _with(matrix: TransferMatrix, column: str, begins: str) -> list[dict[Any, Any]]:
    return matrix.cells[matrix.cells[column].str.startswith(begins)].to_dict("records")


def _section(matrix: TransferMatrix, title: str, folder: str) -> str:
    def mark(text: str, itself: bool, strongest: bool) -> str:
        return f"*{text}*" if itself else f"**{text}**" if strongest else text

    remarks = "".join(f"- {plain.escape(note)}\n" for note in notes(matrix))
    every = f"{plain.markdown(grid(matrix, mark=mark), LEFT_COLUMNS)}\n{CELL_NOTE}{INTERVAL_NOTE}{_all(matrix)}\n"
    both = f"{plain.markdown(grid(matrix, 'both'), LEFT_COLUMNS)}\n{BOTH_NOTE}\n"
    bounds = f"{plain.markdown(summary(matrix), LEFT_COLUMNS)}\n{BOUND_NOTE}\n"
    return f"## {plain.escape(title)}\n\n{every}\n{both}\n{bounds}\n{remarks}\n![heat map]({folder}/heat.png)\n"


def _latex(matrix: TransferMatrix, title: str, folder: str) -> str:
    def mark(text: str, itself: bool, strongest: bool) -> str:
        text = escape_latex(text)
        return rf"\textit{{{text}}}" if itself else rf"\textbf{{{text}}}" if strongest else text

    tables = {
        "all": (grid(matrix, mark=mark), CELL_NOTE + INTERVAL_NOTE + _all(matrix)),
        "both": (grid(matrix, "both"), BOTH_NOTE),
        "bounds": (summary(matrix), " ".join([BOUND_NOTE, *notes(matrix)])),
    }
    texts = []
    for name, (shown, notes_below) in tables.items():
        cells = shown if name == "all" else shown.map(escape_latex)
        texts.append(
            latex_table(cells, LEFT_COLUMNS, f"Transfer, {title}.", f"tab:transfer-{folder}-{name}", [notes_below])
        )
    return "\n".join(texts)


def _all(matrix: TransferMatrix) -> str:
    return ALL_NOTE.format(n=int(matrix.cells["n"].max())) + MARK_NOTE


def _percent(line: Mapping[Any, Any], name: str, after: str | None = None) -> str:
    """A share in percent with its half interval, or with the text `after` instead."""
    low, high = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    if math.isnan(line[name]):
        return "failed" if str(line.get("status", "")).startswith("failed") else MISSING
    half = max(line[high] - line[name], line[name] - line[low])
    return f"{100 * line[name]:.1f}" + (f" ±{100 * half:.1f}" if after is None else after)
