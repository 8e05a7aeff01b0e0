"""Figures of papers: how each is drawn from the rows, logs and exhibits of one scale."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import pandas as pd

from bench.report.drawing import Draw
from bench.report.files import Content, file_name
from bench.report.files import figure as picture_files
from bench.report.labels import labels, panel_names
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.setup import StudyRun
from bench.report.studies.study import Item, ItemSection
from bench.report.sweeps.table import over_effort, over_eps
from bench.report.table_formats import table_text as plain

Picture = Callable[[ScaleData, str], Draw | None]  # takes data and title; None if there is no data


@dataclass(frozen=True)
class FigureSpec:
    """How a figure is drawn, and how its numbers are collected."""

    draw: Picture
    points: Callable[[ScaleData], pd.DataFrame]

    def section(self, item: Item, found: ScaleData, home: str) -> ItemSection:
        """The figure and its numbers as a section of the page."""
        mine, name = models_of(item, found, home), found.file_of(file_name(item.name))
        picture, files = self.draw(mine, f"{item.name}: {found.scale.title}"), dict[str, Content]()
        if picture is not None:
            files = {f"{name}.csv": plain.csv(self.points(mine)), **picture_files(name, picture)}
        image = f"![{item.name}]({name}.png)" if files else "Not run at this scale."
        text = f"### {item.name}\n\n{item.about}\n\n{image}\n"
        return ItemSection(lambda: (text, files), tuple(files), is_there=bool(files))

    def count(self, item: Item, found: ScaleData, home: str) -> str:
        """`drawn` if there is any data, else empty."""
        return "" if self.points(models_of(item, found, home)).empty else "drawn"


def models_of(item: Item, found: ScaleData, home: str) -> ScaleData:
    """The data of the models that a figure shows. home: the main data set of its paper."""
    where = item.parts[0].where
    assert where is not None, "a figure is of models of its paper"
    return found.of(where, item.paper_setup(found.scale.dataset, home))


def figure(name: str, about: str, parts: tuple[StudyRun, ...], drawing: FigureSpec) -> Item:
    """An item of a study that is a figure."""
    return Item(name, about, parts, drawing)


def epochs(names: Mapping[str, str]) -> FigureSpec:
    """Hold-out accuracy over the epochs, clean and under PGD-10. names: recipes by their names in the paper."""

    def points(shown: ScaleData) -> pd.DataFrame:
        parts = [
            log.assign(method=name, seed=seed)
            for name, logs in shown.logs(names).items()
            for seed, log in enumerate(logs)
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def draw(shown: ScaleData, title: str) -> Draw | None:
        from bench.report.leaderboard.figures import overlay

        logs = shown.logs(names)
        return partial(overlay, logs, title) if logs else None

    return FigureSpec(draw, points)


def radii(names: Mapping[str, str], epoch: Literal["last", "best"] = "last") -> FigureSpec:
    """Accuracy over eps, a panel for each attack. epoch: of the models that the paper shows."""

    def points(shown: ScaleData) -> pd.DataFrame:
        rows = _of(shown.rows, names, epoch)
        if rows.empty:
            return rows
        found = _rename(over_eps(rows), names)
        return found.assign(panel=found["panel"].map(panel_names(found["panel"].unique())))

    return FigureSpec(_lines(points, None), points)


def steps(names: Mapping[str, str]) -> FigureSpec:
    """Accuracy over the steps of PGD."""

    def points(shown: ScaleData) -> pd.DataFrame:
        rows = _of(shown.rows, names)
        ascents = rows["name"].str.fullmatch(r"PGD-\d+\.last")
        near = (rows["eps"] - shown.scale.eps(8.0)).abs() < 1e-6
        rows = rows[ascents & near]
        return rows if rows.empty else _rename(over_effort(rows, "steps"), names)

    return FigureSpec(_lines(points, "Steps"), points)


def histogram(names: Mapping[str, str]) -> FigureSpec:
    """Histogram of squared gradient norms of clean images, of the lowest seed."""

    def points(shown: ScaleData) -> pd.DataFrame:
        tables = shown.exhibits("gradient", names)
        parts = [table.assign(method=name) for name, table in tables.items()]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def draw(shown: ScaleData, title: str) -> Draw | None:
        from bench.report.exhibits.figures import histograms

        tables = shown.exhibits("gradient", names)
        return partial(histograms, tables, title) if tables else None

    return FigureSpec(draw, points)


def before_and_after(kind: str, recipe: str) -> FigureSpec:
    """Batch norms or feature maps before and after fine-tuning by a recipe, of the lowest seed."""

    def points(shown: ScaleData) -> pd.DataFrame:
        return shown.exhibits(kind, {recipe: recipe}).get(recipe, pd.DataFrame())

    def draw(shown: ScaleData, title: str) -> Draw | None:
        from bench.report.exhibits import figures as exhibit_figures

        table = points(shown)
        draws = {"batchnorm": exhibit_figures.overlay, "features": exhibit_figures.feature_maps}
        return None if table.empty else partial(draws[kind], table, title)

    return FigureSpec(draw, points)


def _of(rows: pd.DataFrame, names: Mapping[str, str], epoch: str = "last") -> pd.DataFrame:
    """White-box rows of the main views of recipes. epoch: if it is missing for a recipe, its last epoch is used."""
    own = rows[rows["recipe"].isin(list(names.values())) & (rows["view"] == "main") & (rows["source"] == "")]
    there = set(own.loc[own["epoch"] == epoch, "recipe"])
    own = own[own["epoch"] == [epoch if recipe in there else "last" for recipe in own["recipe"]]]
    return own if own.empty else own.assign(recipe=labels(own.assign(epoch="last")))


def _rename(points: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    shown = {recipe: name for name, recipe in names.items()}
    order = {name: place for place, name in enumerate(names)}
    if points.empty:
        return points
    named = points.assign(recipe=[shown.get(recipe, recipe) for recipe in points["recipe"]])
    return named.sort_values("recipe", key=lambda r: r.map(order), kind="stable", ignore_index=True)


def _lines(points: Callable[[ScaleData], pd.DataFrame], axis: str | None) -> Picture:
    def draw(shown: ScaleData, title: str) -> Draw | None:
        from bench.report.sweeps.figures import lines

        found = points(shown)
        classes = {int(number) for number in shown.rows["classes"] if number}
        chance = 100 / classes.pop() if len(classes) == 1 else math.nan
        return None if found.empty else partial(lines, found, title, axis, chance)

    return draw
