"""Figures of one leaderboard, each a function of its table."""

import math
from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.leaderboard.table import accuracies, ranking_column
from bench.report.leaderboard.text import accuracy_text
from bench.report.plotting.point_names import name_points
from bench.report.plotting.style import (
    COLOURS,
    MARKERS,
    ONE_COLUMN,
    TWO_COLUMNS,
    align,
    grid,
    wider,
    with_house_style,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

PANELS = 12  # of bars; the table has every attack
BAR = {"height": 0.72, "error_kw": {"elinewidth": 0.6, "ecolor": "#444444"}}
DOTS: Any = {"linestyle": "none", "marker": ".", "markersize": 2.5, "color": "#000000", "alpha": 0.7}  # the seeds
CURVES = {  # column of train.csv: its name, line and marker
    "val_clean": ("hold-out, clean", "-", "s"),
    "val_fgsm": ("hold-out, FGSM", ":", "."),
    "val_pgd": ("hold-out, PGD-10", "--", "o"),
}


@with_house_style
def scatter(table: pd.DataFrame, title: str) -> "Figure":
    """Clean accuracy against the accuracy that ranks the table, with intervals."""
    return _scatter(table, title, "Clean", "Clean accuracy (%)")


@with_house_style
def cost(table: pd.DataFrame, title: str) -> "Figure":
    """What training costs against the accuracy that ranks the table, with its intervals."""
    return _scatter(table, title, "passes", "Passes per image of a training step")


def _scatter(table: pd.DataFrame, title: str, column: str, label: str) -> "Figure":
    """A column of the table against the one that ranks it."""
    robust = ranking_column(table)
    points = table.dropna(subset=[column, robust])
    width, height = (ONE_COLUMN, 2.5) if len(points) <= 8 else (TWO_COLUMNS, 4.0)
    figure, (axes,) = grid(1, 1, width, (height, 0.2), title)
    up = _intervals(points, robust)
    across = _intervals(points, column) if f"{column} low" in points else np.zeros_like(up)
    for i, (colour, marker) in enumerate(zip(cycle(COLOURS), cycle(MARKERS), strict=False)):
        if i == len(points):
            break
        x, y = points[column].iloc[i], points[robust].iloc[i]
        half: dict[str, Any] = {"xerr": across[:, [i]], "yerr": up[:, [i]]}
        axes.errorbar(x, y, **half, fmt="none", ecolor=colour, elinewidth=0.6, alpha=0.45, zorder=2)
        axes.plot(x, y, marker, color=colour, zorder=3)
    axes.margins(0.1)
    axes.set(xlabel=label, ylabel=f"{robust} accuracy (%)")
    name_points(axes, list(zip(points[column], points[robust], points["recipe"], strict=True)))
    return figure


@with_house_style
def bars(table: pd.DataFrame, title: str) -> "Figure":
    """One panel an attack, one bar a recipe, in the order of the table.

    Of many attacks those that leave least, beside clean images and the one that ranks.
    """
    shown, places = accuracies(table), range(len(table))
    if len(shown) > PANELS:
        kept = {shown[0], ranking_column(table)}
        others = table[[column for column in shown if column not in kept]].mean().nsmallest(PANELS - len(kept))
        title += f", {PANELS} of {len(shown)} accuracies"
        shown = [column for column in shown if column in kept or column in others]
    across, lines = min(6, len(shown)), table.to_dict("records")
    figure, panels = grid(len(shown), across, TWO_COLUMNS, (0.5 + 0.15 * len(table), 0.5), title)
    for i, (column, axes, colour) in enumerate(zip(shown, panels, cycle(COLOURS[:-1]), strict=False)):
        axes.set(title=column, xticks=[0, 50, 100], xlim=(0, 122), yticks=[], ylim=(len(table) - 0.4, -0.6))
        axes.autoscale(False)
        if i % across == 0:
            axes.set_yticks(places, table["recipe"])
        bar: dict[str, Any] = {**BAR, "xerr": _intervals(table, column)}
        axes.barh(places, table[column], color=colour, **bar)
        dots = [(value, place) for place, each in enumerate(table[f"{column} each"]) for value in each]
        axes.plot(*np.array(dots).reshape(-1, 2).T, **DOTS)
        for place, line in enumerate(lines):
            each = line[f"{column} each"]
            end = max([line[f"{column} high"], *each])
            where = 2 + (0 if pd.isna(end) else end)  # inside, so that the layout need not measure it
            axes.text(where, place, accuracy_text(line, column, 0), va="center", fontsize=5.5, in_layout=False)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    figure.supxlabel("Accuracy (%)")
    return figure


@with_house_style
def curves(logs: Mapping[str, list[pd.DataFrame]], title: str) -> "Figure":
    """One panel a recipe: accuracy by epoch, a line a seed. logs: by recipe, the train.csv of each seed."""
    from matplotlib.ticker import MaxNLocator

    across = min(5, len(logs))
    width = TWO_COLUMNS if across > 2 else ONE_COLUMN
    figure, panels = grid(len(logs), across, width, (1.15, 0.65), title)
    span = wider([epoch for seeds in logs.values() for log in seeds for epoch in log["epoch"].dropna()] or [1])
    ticks = [epoch for epoch in MaxNLocator(4, integer=True).tick_values(*span) if epoch == round(epoch)]
    align(panels, across, xticks=ticks, xlim=span, ylim=(0, 102))
    named: dict[str, Any] = {}
    for place, ((recipe, seeds), axes) in enumerate(zip(logs.items(), panels, strict=True)):
        for (column, (name, line, marker)), colour in zip(CURVES.items(), COLOURS, strict=False):
            if len(points := _join(seeds, column)):
                look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 2}
                named[name] = axes.plot(*points.T, line, **look)[0]
        axes.set_title(recipe)
        if place >= len(panels) - across:
            axes.set_xlabel("Epoch")
    figure.supylabel("Accuracy (%)")
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=3)
    return figure


@with_house_style
def overlay(logs: Mapping[str, list[pd.DataFrame]], title: str) -> "Figure":
    """Hold-out accuracy over the epochs, a colour a method: clean solid, under PGD-10 dashed. logs: as of `curves`."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    figure, (axes,) = grid(1, 1, ONE_COLUMN, (2.3, 0.4), title)
    for seeds, colour in zip(logs.values(), cycle(COLOURS), strict=False):
        for column, line in (("val_clean", "-"), ("val_pgd", "--")):
            axes.plot(*_join(seeds, column).T, line, color=colour)
    named = [Line2D([], [], color=colour) for _, colour in zip(logs, cycle(COLOURS), strict=False)]
    kinds = [Line2D([], [], color="#444444", linestyle=line) for line in ("-", "--")]
    figure.legend(
        [*named, *kinds], [*logs, "clean", "PGD-10"], loc="outside lower center", ncols=4 if len(logs) < 3 else 3
    )
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set(xlabel="Epoch", ylabel="Accuracy (%)", ylim=(0, 102))
    return figure


def _join(logs: list[pd.DataFrame], column: str) -> FloatArray:
    """Epochs and percentages of several seeds as one line with gaps, (points, 2): quicker to draw than lines."""
    parts = [np.empty((0, 2))]
    for log in (log for log in logs if column in log):
        points = np.column_stack([log["epoch"], 100 * log[column]]).astype(float)
        known = points[~np.isnan(points).any(axis=1)]
        parts += [known, np.full((1, 2), math.nan)] if len(known) else []
    return np.concatenate(parts)[:-1]


def _intervals(table: pd.DataFrame, column: str) -> FloatArray:
    """How far the interval of each line reaches below and above its value, (2, lines)."""
    value, low, high = (table[c].to_numpy() for c in (column, f"{column} low", f"{column} high"))
    return np.maximum(0, [value - low, high - value])  # rounding could leave -1e-15
