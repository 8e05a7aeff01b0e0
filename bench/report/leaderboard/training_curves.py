"""Training curves behind leaderboards: one figure for all boards with the same trainings."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.report.boards import Board, scale_of
from bench.report.drawing import Draw
from bench.report.folder_names import Identity
from bench.report.labels import labels
from bench.report.plotting.best_curves import best_of
from bench.report.table_formats import table_text as plain
from bench.report.training_logs import read_training_log

MAX_RECIPES = 30  # most recipes in a figure; the tables have all


class Trainings(NamedTuple):
    """What the trainings of one figure share; boards of several radii have the same trainings."""

    dataset: str
    model: str
    budget: str
    data: str

    @property
    def title(self) -> str:
        return ", ".join([self.dataset, self.model, self.budget])

    @property
    def identity(self) -> Identity:
        """The words that the name of their folder is made of; as many sets of distinguishing words as a `Board` has."""
        shown = (self.dataset, self.model, scale_of(self.budget), "training")
        return Identity(shown, ((), tuple(self.budget.split(", ")), (), (self.data,)))


def trainings_of(board: Board) -> Trainings:
    """The group of trainings behind a board."""
    return Trainings(board.dataset, board.model, board.budget, board.data[:6])


def find_logs(results: Path, behind: Iterable[tuple[pd.DataFrame, pd.DataFrame]]) -> dict[str, list[pd.DataFrame]]:
    """Read the training logs behind some boards: by recipe, one log for each seed; views of a run share its log.

    behind: rows and table of each board. Recipes are in the order of their best lines.
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
        if not (log := read_training_log(results / run)).empty:
            logs.setdefault(recipe, []).append(log)
    return logs


def draw_curves(whose: Trainings, logs: dict[str, list[pd.DataFrame]]) -> Draw:
    """A function that draws the figure."""
    from bench.report.leaderboard.figures import curves

    return partial(curves, dict(list(logs.items())[:MAX_RECIPES]), whose.title + best_of(MAX_RECIPES, len(logs)))


def section(whose: Trainings, below: str) -> str:
    """Markdown of the figure. below: path from the page to its folder."""
    return f"## Training: {plain.escape(whose.title)}\n\n![curves]({below}curves.png)\n"
