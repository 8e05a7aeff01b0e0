"""Figures of corruption tables."""

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.corruptions.table import Scores, means_over_severities, single_severities
from bench.report.labels import STANDARD_RECIPE, line_name
from bench.report.plotting.best_curves import best_recipes
from bench.report.plotting.heat_map import cell_texts, draw_heat_map, name_columns
from bench.report.plotting.limits import fitted_limits
from bench.report.plotting.style import (
    COLOURS,
    MARKERS,
    TWO_COLUMNS,
    align,
    explain_below,
    grid,
    pad_limits,
    set_panel_titles,
    with_house_style,
)
from bench.report.plotting.texts import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS_IN_A_ROW = 5  # panels in a line
PANEL_MARGIN = 0.1  # inches, of what is left and right of a panel
MAX_BANDS = 3  # lines beyond which intervals are said below the figure: drawn, they would hide the lines


@with_house_style
def heat_map(scores: Scores, title: str) -> "Figure":
    """Heat map: a row for each recipe, a column for each corruption, mean over severities.

    Cells are differences to Standard in points, below Standard's own accuracies in percent; without a line of Standard
    they are accuracies. The best rows come first.
    """
    means = means_over_severities(scores.cells)
    values = 100 * means.pivot_table("accuracy", "recipe", "name", sort=False, dropna=False, aggfunc="first")
    values = values.loc[values.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    look: Any = {"label": "Accuracy (%)", "size": 5.5}
    texts = cell_texts(values, "{:.0f}")
    if is_against := STANDARD_RECIPE in values.index and len(values) > 1:
        values, texts = _against_reference(values, texts)
        look |= {"label": f"Points above {STANDARD_RECIPE}", "around_zero": True}
    names = [shorten(line_name(str(recipe))) for recipe in values.index]
    names = [f"{name}, accuracy (%)" if is_against and name == STANDARD_RECIPE else name for name in names]
    figure, axes = draw_heat_map(values.set_axis(names), texts, title, TWO_COLUMNS, **look)
    name_columns(figure, axes, [name.replace("_", " ") for name in values.columns], rotation=40)
    axes.tick_params(axis="x", labelsize=6)
    return figure


def _against_reference(values: pd.DataFrame, texts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Differences to the line of STANDARD_RECIPE, which comes first and keeps its own numbers as texts."""
    order = [STANDARD_RECIPE, *(recipe for recipe in values.index if recipe != STANDARD_RECIPE)]
    differences = (values - values.loc[STANDARD_RECIPE]).loc[order]
    return differences, pd.concat([texts.loc[[STANDARD_RECIPE]], cell_texts(differences.loc[order[1:]], "{:+.0f}")])


@with_house_style
def severity_curves(scores: Scores, title: str) -> "Figure":
    """Accuracy over severity: a panel for each corruption, a line for each recipe, all with the same limits.

    The legend has the lines in the order of their accuracy at the highest severity. With more than MAX_BANDS lines it
    also has the median width of the intervals, which are bands otherwise.
    """
    from matplotlib.lines import Line2D

    cells = single_severities(scores.cells)
    best, more = best_recipes(cells, "accuracy")
    cells = cells[cells["recipe"].isin(best)]
    names = list(dict.fromkeys(cells["name"]))
    across = min(PANELS_IN_A_ROW, len(names))
    figure, panels = grid(len(names), across, TWO_COLUMNS, (1.1, 0.8), title + more)
    last = cells[cells["severity"] == max(scores.severities)].groupby("recipe")["accuracy"].mean()
    order = last.sort_values(ascending=False, kind="stable").index
    looks = dict(zip(order, zip(cycle(COLOURS), cycle(MARKERS), strict=False), strict=False))
    has_bands = len(order) <= MAX_BANDS
    ends = cells[["accuracy", *(["accuracy_low", "accuracy_high"] if has_bands else [])]]
    align(
        panels,
        across,
        xticks=list(scores.severities),
        xlim=pad_limits(scores.severities),
        ylim=fitted_limits(100 * ends.to_numpy().ravel()),
    )
    for axes, name in zip(panels, names, strict=True):
        for recipe, line in cells[cells["name"] == name].groupby("recipe", sort=False):
            _draw_line(axes, line, looks[str(recipe)], has_bands)
    titles = [name.replace("_", " ") for name in names]
    set_panel_titles(figure, panels, titles, across, TWO_COLUMNS / across - PANEL_MARGIN)
    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=3, label=shorten(line_name(str(recipe))))
        for recipe, (colour, marker) in looks.items()
    ]
    if not has_bands:
        half = np.maximum(cells["accuracy_high"] - cells["accuracy"], cells["accuracy"] - cells["accuracy_low"])
        handles.append(Line2D([], [], linestyle="none", label=f"intervals (median): ±{100 * np.nanmedian(half):.1f}"))
    figure.supylabel("Accuracy (%)")
    explain_below(figure, handles, min(7, len(handles)), "Severity")
    return figure


def _draw_line(axes: "Axes", line: pd.DataFrame, look: tuple[str, str], has_band: bool) -> None:
    x, y = line["severity"].to_numpy(), 100 * line["accuracy"].to_numpy()
    colour, marker = look
    axes.plot(x, y, color=colour, marker=marker, markersize=2, linewidth=0.8)
    if has_band:
        low, high = 100 * line["accuracy_low"].to_numpy(), 100 * line["accuracy_high"].to_numpy()
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
