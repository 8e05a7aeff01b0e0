"""Figures of accuracy over radii, steps, step sizes, restarts or passes."""

import math
from itertools import chain, cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.labels import AUTOATTACK, line_name, panel_names
from bench.report.plotting.limits import limits_from_zero
from bench.report.plotting.style import (
    COLOURS,
    MARKERS,
    ONE_COLUMN,
    TWO_COLUMNS,
    grid,
    set_panel_titles,
    with_house_style,
)
from bench.report.plotting.texts import fit_legend, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_MARGIN = 0.45  # inches, of what is left and right of a panel
AUTOATTACK_NOTE = f", {AUTOATTACK}"  # stands behind the recipe in the legend of its line of AutoAttack


@with_house_style
def lines(
    points: pd.DataFrame, title: str, axis: str | None, chance: float, autoattack: pd.DataFrame | None = None
) -> "Figure":
    """Accuracy over x with its interval as a band: a panel for each attack, a line for each recipe.

    points: of `over_eps` (axis None) or of `over_effort` (axis: its title). chance: accuracy of guessing in percent;
    NaN if unknown. autoattack: of `autoattack_beside`, a dashed line for each recipe.
    """
    panels = panel_names(points["panel"].unique())
    across = min(3, len(panels))
    width, height = (ONE_COLUMN, 2.0) if across == 1 else (TWO_COLUMNS, 1.9)
    figure, found = grid(len(panels), across, width, (height, 0.7), title, sharey=True)
    pixels = axis is None and bool(np.allclose(points["x"] * 255, (points["x"] * 255).round(), atol=1e-3))
    looks = dict(zip(points["recipe"].unique(), zip(cycle(COLOURS), cycle(MARKERS), strict=False), strict=False))
    top = limits_from_zero(chain(points["value"], points["high"], [] if math.isnan(chance) else [chance]))
    named: dict[str, Any] = {}
    for panel, axes in zip(panels, found, strict=True):
        part = points[points["panel"] == panel]
        named |= _draw_panel(axes, part, looks, 255 if pixels else 1)
        if autoattack is not None:
            named |= _draw_autoattack(axes, autoattack[autoattack["panel"] == panel], looks)
        if not math.isnan(chance):
            named["chance"] = axes.axhline(chance, color="#666666", linestyle=":", linewidth=0.8)
        axes.set(ylim=top, xlabel=axis or ("eps (1/255)" if pixels else "eps"))
        if axis is not None:
            places = sorted(part["x"].unique())
            axes.set_xscale("log")
            axes.set_xticks(places, [f"{x:g}" for x in places])
            axes.minorticks_off()
    set_panel_titles(figure, found, panels.values(), across, width / across - PANEL_MARGIN)
    figure.supylabel("Accuracy (%)")
    abreast = 5 if across > 1 else 3
    parts = [name.partition(AUTOATTACK_NOTE) for name in named]
    names = [shorten(recipe) + note + passes for recipe, note, passes in parts]
    figure.legend(named.values(), names, loc="outside lower center", ncols=fit_legend(names, width, abreast))
    return figure


def _draw_panel(axes: "Axes", points: pd.DataFrame, looks: dict[Any, tuple[str, str]], unit: float) -> dict[str, Any]:
    """The lines by what a legend calls them. unit: what x is multiplied by."""
    drawn: dict[str, Any] = {}
    for recipe, line in points.dropna(subset="value").groupby("recipe", sort=False):
        (colour, marker), x = looks[recipe], line["x"] * unit
        axes.fill_between(x, line["low"], line["high"], color=colour, alpha=0.15, linewidth=0)
        look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 2.5}
        drawn[line_name(str(recipe))] = axes.plot(x, line["value"], **look)[0]
    return drawn


def _draw_autoattack(axes: "Axes", beside: pd.DataFrame, looks: dict[Any, tuple[str, str]]) -> dict[str, Any]:
    """Dashed lines at the accuracy under AutoAttack, by what a legend calls them."""
    drawn: dict[str, Any] = {}
    for recipe, value, passes in zip(beside["recipe"], beside["value"], beside["passes"], strict=True):
        name = f"{line_name(str(recipe))}{AUTOATTACK_NOTE} ({passes:,.0f} passes)"
        drawn[name] = axes.axhline(value, color=looks[recipe][0], linestyle="--", linewidth=0.8)
    return drawn
