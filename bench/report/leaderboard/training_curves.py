"""How the trainings behind leaderboards went: a figure for all boards that are of the same trainings."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.report import table_text as plain
from bench.report.boards import Board, scale_of
from bench.report.drawing import Draw
from bench.report.folder_names import Identity
from bench.report.labels import labels
from bench.report.training_logs import training

DRAWN = 30  # recipes in a figure; the tables have them all


class Trainings(NamedTuple):
    """What the trainings of one figure have in common: boards of several radii are of the same ones."""

    dataset: str
    model: str
    budget: str
    data: str

    @property
    def title(self) -> str:
        return ", ".join([self.dataset, self.model, self.budget])

    @property
    def identity(self) -> Identity:
        """What their folder is called after; the sets of telling words are those of boards."""
        shown = (self.dataset, self.model, scale_of(self.budget), "training")
        return Identity(shown, ((), tuple(self.budget.split(", ")), (), (self.data,)))


def trainings_of(board: Board) -> Trainings:
    return Trainings(board.dataset, board.model, board.budget, board.data[:6])


def find_logs(results: Path, behind: Iterable[tuple[pd.DataFrame, pd.DataFrame]]) -> dict[str, list[pd.DataFrame]]:
    """The training logs behind some boards, a list by recipe with one log a seed; views of a run share its log.

    behind: rows and table of each board. A recipe stands where the best of its lines does.
    """
    rows, places = list[pd.DataFrame](), list[pd.Series]()
    for measured, table in behind:
        rows.append(measured)
        places.append(labels(measured).map({name: i for i, name in enumerate(table["recipe"])}))
    every = pd.concat(rows).assign(place=pd.concat(places))
    every = every.assign(recipe=labels(every.assign(view="main", epoch="last")))
    runs = every.sort_values("place", kind="stable").drop_duplicates("run")
    logs: dict[str, list[pd.DataFrame]] = {}
    for recipe, run in zip(runs["recipe"], runs["run"], strict=True):
        if not (log := training(results / run)).empty:
            logs.setdefault(recipe, []).append(log)
    return logs


def draw_curves(whose: Trainings, logs: dict[str, list[pd.DataFrame]]) -> Draw:
    """The figure, still to be drawn."""
    from bench.report.leaderboard.figures import curves

    return partial(curves, dict(list(logs.items())[:DRAWN]), whose.title + best_of(len(logs)))


def section(whose: Trainings, below: str) -> str:
    """Markdown. below: the folder of the figure, seen from the page."""
    return f"## Training: {plain.escape(whose.title)}\n\n![curves]({below}curves.png)\n"


def best_of(lines: int) -> str:
    """What a title says where a figure leaves lines out."""
    return f" (best {DRAWN} of {lines})" if lines > DRAWN else ""
