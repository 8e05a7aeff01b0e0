"""A paper's figures as values: what is drawn of the rows, logs and exhibits of one scale."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.naming import labels
from bench.report.sweeps import over_effort, over_eps
from bench.report.training import training
from bench.studies.items import Item, Part
from bench.studies.scales import Scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Shown:
    """What there is to draw at one scale."""

    scale: Scale
    rows: pd.DataFrame
    results: Path

    def runs(self, recipe: str) -> list[str]:
        """Of a recipe, by seed."""
        own = self.rows[self.rows["recipe"] == recipe].sort_values("seed", kind="stable")
        return list(own["run"].unique())

    def logs(self, names: Mapping[str, str]) -> dict[str, list[pd.DataFrame]]:
        """Training logs under the names that a figure gives to recipes; those that there are."""
        found = {name: [training(self.results / run) for run in self.runs(recipe)] for name, recipe in names.items()}
        return {name: logs for name, logs in found.items() if any(not log.empty for log in logs)}


Draw = Callable[[Shown, str], "Figure | None"]  # None: nothing of it is there; the text is the title


@dataclass(frozen=True)
class Drawing:
    """How a figure is drawn, and the numbers behind it."""

    draw: Draw
    points: Callable[[Shown], pd.DataFrame]


def figure(name: str, about: str, parts: tuple[Part, ...], drawing: Drawing) -> Item:
    return Item(name, about, parts, drawing)


def epochs(names: Mapping[str, str]) -> Drawing:
    """Hold-out accuracy over the epochs, clean and under PGD-10. names: as the paper has them -> recipes."""

    def points(shown: Shown) -> pd.DataFrame:
        parts = [
            log.assign(method=name, seed=seed)
            for name, logs in shown.logs(names).items()
            for seed, log in enumerate(logs)
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def draw(shown: Shown, title: str) -> "Figure | None":
        from bench.report.figures import overlay

        logs = shown.logs(names)
        return overlay(logs, title) if logs else None

    return Drawing(draw, points)


def radii(names: Mapping[str, str]) -> Drawing:
    """Accuracy over eps, a panel an attack."""

    def points(shown: Shown) -> pd.DataFrame:
        rows = _of(shown.rows, names)
        return rows if rows.empty else _renamed(over_eps(rows), names)

    return Drawing(_lines(points, None), points)


def steps(names: Mapping[str, str]) -> Drawing:
    """Accuracy over the steps of PGD."""

    def points(shown: Shown) -> pd.DataFrame:
        rows = _of(shown.rows, names)
        ascents = rows["name"].str.fullmatch(r"PGD-\d+\.last") & (rows["source"] == "")
        near = (rows["eps"] - shown.scale.eps(8.0)).abs() < 1e-6
        rows = rows[ascents & near]
        return rows if rows.empty else _renamed(over_effort(rows, "steps"), names)

    return Drawing(_lines(points, "Steps"), points)


def _of(rows: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """White-box rows of the recipes' main models, named as in the paper."""
    own = rows[rows["recipe"].isin(list(names.values())) & (rows["view"] == "main") & (rows["epoch"] == "last")]
    own = own[own["source"] == ""]
    return own if own.empty else own.assign(recipe=labels(own))


def _renamed(points: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    shown = {recipe: name for name, recipe in names.items()}
    order = {name: place for place, name in enumerate(names)}
    if points.empty:
        return points
    named = points.assign(recipe=[shown.get(recipe, recipe) for recipe in points["recipe"]])
    return named.sort_values("recipe", key=lambda r: r.map(order), kind="stable", ignore_index=True)


def _lines(points: Callable[[Shown], pd.DataFrame], axis: str | None) -> Draw:
    def draw(shown: Shown, title: str) -> "Figure | None":
        from bench.report.figures import lines

        found = points(shown)
        classes = {int(number) for number in shown.rows["classes"] if number}
        chance = 100 / classes.pop() if len(classes) == 1 else float("nan")
        return None if found.empty else lines(found, title, axis, chance)

    return draw
