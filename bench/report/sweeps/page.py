"""The page of sweeps: curves of accuracy, areas below them and median radii, in reports/sweeps/."""

import math
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.core.parsing import format_radius
from bench.report import cache as stored
from bench.report.boards import Board
from bench.report.drawing import Draw
from bench.report.files import Content, figure, in_folder
from bench.report.folder_names import folder_names
from bench.report.labels import line_name, panel_names
from bench.report.plotting.best_curves import best_recipes
from bench.report.sweeps.table import (
    EFFORTS,
    areas,
    autoattack_beside,
    curves_by_axis,
    format_x,
    over_eps,
    sweep_boards,
)
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.table_text import MISSING

if TYPE_CHECKING:
    from rich.console import Console

LEFT_COLUMNS = ("Attack", "Recipe")  # columns set flush left
MEDIAN_TITLE = "Median eps"
AREA_NOTE = "Area below the curve from 0 to the largest radius, of a perfect model's."
MEDIAN_NOTE = (
    f"{MEDIAN_TITLE}: the smallest radius that breaks at least half of the images; a dash where half of the clean "
    "images are wrong without any."
)
NOTE = (
    "In brackets 95 % intervals of one seed; of several, mean -+ std, and the range. In a sweep an image that is "
    "broken stays broken at larger radii."
)


class SweepsPage:
    """The topic `sweeps` of a report: accuracy over radii, steps, step sizes, restarts or passes."""

    folder = "sweeps"

    def files(self, results: Path) -> dict[str, Content]:
        """sweeps.md with all tables, and a folder for the figures of each group and the points behind them.

        Empty if no attack was run at three radii, step sizes, or numbers of steps or restarts.
        """
        made: dict[str, Content] = {}
        sections = ["# Sweeps\n"]
        boards = sweep_boards(stored.rows(results))
        folders = find_folders(boards)
        for board, rows in boards.items():
            curves = curves_by_axis(rows)
            drawn = {axis: points for axis, points in curves.items() if not points.empty}
            table, folder = areas(rows, curves["eps"]), folders[board]
            files: dict[str, Content] = {} if table.empty else {"areas.csv": plain.csv(table)}
            for axis, points in drawn.items():
                files |= {f"{axis}.csv": plain.csv(points), **figure(axis, _draw(board, axis, points, rows))}
            made |= in_folder(folder, files)
            sections += [_section(board, folder, list(drawn), table, failures(drawn))] if drawn else []
        return {"sweeps.md": "\n".join(sections), **made} if made else {}

    def show(self, results: Path, console: "Console", only: frozenset[str] | None = None) -> None:
        """Print area and median radius of each curve over radii. only: the runs to include; None for all."""
        rows = stored.rows(results)
        for board, part in sweep_boards(rows if only is None else rows[rows["run"].isin(only)]).items():
            curves = over_eps(part)
            table = areas(part, curves)
            if not table.empty:
                plain.print_table(console, display(table), LEFT_COLUMNS, board.title)
                plain.print_notes(console, [note(table), *failures({"eps": curves})])


def find_folders(boards: Iterable[Board]) -> dict[Board, str]:
    """The folder below reports/sweeps/ of each group of curves."""
    return folder_names({board: board.identity for board in boards})


def _draw(board: Board, axis: str, points: pd.DataFrame, rows: pd.DataFrame) -> Draw:
    from bench.report.sweeps.figures import lines

    best, more = best_recipes(points, "value")
    shown = points[points["recipe"].isin(best)]
    known = {int(classes) for classes in rows["classes"] if classes}
    chance = 100 / known.pop() if len(known) == 1 else math.nan
    beside = autoattack_beside(rows, axis) if axis == "passes" else None
    if beside is not None:
        beside = beside[beside["recipe"].isin(best)]
    return partial(lines, shown, board.title + more, EFFORTS.get(axis), chance, beside)


def _section(board: Board, folder: str, axes: list[str], table: pd.DataFrame, lost: list[str]) -> str:
    images = "\n".join(f"![over {axis}]({folder}/{axis}.png)" for axis in axes)
    shown = [] if table.empty else [f"{plain.markdown(display(table), LEFT_COLUMNS)}\n{note(table)}\n"]
    notes = [f"{plain.escape(line)}\n" for line in lost]
    return "\n".join([f"## {plain.escape(board.title)}\n", *shown, *notes, f"{images}\n"])


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The table of `areas` as text, without the median radius if no line has one."""
    lines, panels = [], panel_names(table["panel"].unique())
    for line in table.to_dict("records"):
        say = partial(_eps, largest=line["largest"])
        lines.append(
            {
                "Attack": panels[line["panel"]],
                "Recipe": line_name(line["recipe"]),
                "Area (%)": _between("{:.1f}".format, line["area"], line["area low"], line["area high"]),
                MEDIAN_TITLE: _between(say, line["median"], line["median low"], line["median high"])
                if line["median"] > 0
                else MISSING,
                "Seeds": str(line["seeds"]),
            }
        )
    shown = pd.DataFrame(lines)
    return shown if has_median(table) else shown.drop(columns=MEDIAN_TITLE)


def has_median(table: pd.DataFrame) -> bool:
    """Whether any line has half of the clean images right, so that there is a radius that breaks them."""
    return bool((table["median"] > 0).any())


def failures(curves: Mapping[str, pd.DataFrame]) -> list[str]:
    """A sentence for each curve and reason on the points that failed. curves: of `curves_by_axis`."""
    found = []
    for axis, points in curves.items():
        panels = panel_names(points["panel"].unique())
        at = "at " if axis == "eps" else f"with {axis}="
        key: Any  # the key of a group is only Hashable to the type checker
        for key, lost in points[points["value"].isna()].groupby(["panel", "recipe", "status"], sort=False):
            panel, recipe, status = key
            where = at + ", ".join(format_x(axis, x) for x in lost["x"])
            found.append(f"{line_name(recipe)}, {panels[panel]} {where}: {status.rstrip('.')}.")
    return found


def note(table: pd.DataFrame) -> str:
    """What the numbers of the table are."""
    return " ".join([AREA_NOTE, *([MEDIAN_NOTE] if has_median(table) else []), NOTE])


def _between(say: Any, value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return MISSING
    return say(value) if math.isnan(low) else f"{say(value)} [{say(low)}, {say(high)}]"


def _eps(eps: float, largest: float) -> str:
    return f"> {format_radius(largest)}" if math.isinf(eps) else format_radius(eps)
