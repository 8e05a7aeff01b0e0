"""Accuracy over radii or iterations."""

import math
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.style import COLOURS, MARKERS, ONE_COLUMN, TWO_COLUMNS, grid, with_house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@with_house_style
def lines(points: pd.DataFrame, title: str, axis: str | None, chance: float) -> "Figure":
    """One panel an attack, a line a recipe: accuracy over x, with its interval as a band.

    points: of `sweeps.over_eps`, where axis is None, or `sweeps.over_effort`. chance: percent; NaN if nobody knows.
    """
    panels = list(points["panel"].unique())
    across = min(3, len(panels))
    width, height = (ONE_COLUMN, 2.0) if across == 1 else (TWO_COLUMNS, 1.9)
    figure, found = grid(len(panels), across, width, (height, 0.7), title, sharey=True)
    pixels = axis is None and bool(np.allclose(points["x"] * 255, (points["x"] * 255).round(), atol=1e-3))
    looks = dict(zip(points["recipe"].unique(), zip(cycle(COLOURS), cycle(MARKERS), strict=False), strict=False))
    named: dict[str, Any] = {}
    for panel, axes in zip(panels, found, strict=True):
        for recipe, line in points[points["panel"] == panel].dropna(subset="value").groupby("recipe", sort=False):
            (colour, marker), x = looks[recipe], line["x"] * (255 if pixels else 1)
            axes.fill_between(x, line["low"], line["high"], color=colour, alpha=0.15, linewidth=0)
            look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 2.5}
            named[str(recipe)] = axes.plot(x, line["value"], **look)[0]
        if not math.isnan(chance):
            named["chance"] = axes.axhline(chance, color="#666666", linestyle=":", linewidth=0.8)
        axes.set(title=panel, ylim=(0, 102), xlabel=axis or ("eps (1/255)" if pixels else "eps"))
        if axis is not None:
            places = sorted(points.loc[points["panel"] == panel, "x"].unique())
            axes.set_xscale("log")
            axes.set_xticks(places, [f"{x:g}" for x in places])
            axes.minorticks_off()
    figure.supylabel("Accuracy (%)")
    abreast = 5 if across > 1 else 3
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=min(abreast, len(named)))
    return figure
