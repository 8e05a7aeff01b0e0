"""How trainings went, epoch by epoch."""

import math
from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.core.stats import FloatArray
from bench.report.labels import line_name
from bench.report.plotting.attack_colours import attack_colour
from bench.report.plotting.limits import limits_from_zero
from bench.report.plotting.style import (
    COLOURS,
    ONE_COLUMN,
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
    from matplotlib.figure import Figure


LEGEND_LETTERS = 36  # letters that the names in a legend of one column have room for, with 6 for each line
PANEL_MARGIN = 0.25  # inches, of what is left and right of a panel
CURVE_STYLES = {  # column of train.csv: its name, line, marker, and the column of a board that has its colour
    "val_clean": ("hold-out, clean", "-", "s", "Clean"),
    "val_fgsm": ("hold-out, FGSM", ":", ".", "FGSM"),
    "val_pgd": ("hold-out, PGD-10", "--", "o", "PGD-10"),
}


@with_house_style
def curves(logs: Mapping[str, list[pd.DataFrame]], title: str) -> "Figure":
    """Hold-out accuracy by epoch: a panel for each recipe. logs: by recipe, the train.csv of each seed."""
    from matplotlib.ticker import MaxNLocator

    across = min(5, len(logs))
    width = TWO_COLUMNS if across > 2 else ONE_COLUMN
    figure, panels = grid(len(logs), across, width, (1.15, 0.65), title)
    span = pad_limits([epoch for seeds in logs.values() for log in seeds for epoch in log["epoch"].dropna()] or [1])
    ticks = [epoch for epoch in MaxNLocator(4, integer=True).tick_values(*span) if epoch == round(epoch)]
    align(panels, across, xticks=ticks, xlim=span, ylim=limits_from_zero(_percentages(logs)))
    named: dict[str, Any] = {}
    for seeds, axes in zip(logs.values(), panels, strict=True):
        for column, (name, line, marker, attack) in CURVE_STYLES.items():
            if len(points := _join(seeds, column)):
                look: dict[str, Any] = {"color": attack_colour(attack), "marker": marker, "markersize": 2}
                named[name] = axes.plot(*points.T, line, **look)[0]
    set_panel_titles(figure, panels, map(line_name, logs), across, width / across - PANEL_MARGIN)
    figure.supylabel("Accuracy (%)")
    for name, line in named.items():
        line.set_label(name)
    explain_below(figure, list(named.values()), 3, "Epoch")
    return figure


@with_house_style
def overlay(logs: Mapping[str, list[pd.DataFrame]], title: str) -> "Figure":
    """Hold-out accuracy by epoch in one panel, a colour a recipe: clean solid, PGD-10 dashed. logs: as `curves`."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    figure, (axes,) = grid(1, 1, ONE_COLUMN, (2.3, 0.4), title)
    for seeds, colour in zip(logs.values(), cycle(COLOURS), strict=False):
        for column, line in (("val_clean", "-"), ("val_pgd", "--")):
            axes.plot(*_join(seeds, column).T, line, color=colour)
    names = [shorten(name) for name in logs]
    handles = [Line2D([], [], color=colour, label=name) for name, colour in zip(names, cycle(COLOURS), strict=False)]
    handles += [
        Line2D([], [], color="#444444", linestyle="-", label="clean"),
        Line2D([], [], color="#444444", linestyle="--", label="PGD-10"),
    ]
    explain_below(figure, handles, _abreast(names))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set(xlabel="Epoch", ylabel="Accuracy (%)", ylim=limits_from_zero(_percentages(logs)))
    return figure


def _abreast(names: list[str]) -> int:
    """Entries in a line of a legend: all, with the two kinds of lines, where one column has room for them."""
    return len(names) + 2 if sum(map(len, names)) + 6 * len(names) <= LEGEND_LETTERS else 3


def _percentages(logs: Mapping[str, list[pd.DataFrame]]) -> list[float]:
    """All that is drawn of some logs."""
    every = [log[column] for seeds in logs.values() for log in seeds for column in CURVE_STYLES if column in log]
    return [100 * float(value) for values in every for value in values]


def _join(logs: list[pd.DataFrame], column: str) -> FloatArray:
    """Epochs and percentages of several seeds as one line (points, 2) with gaps, which is drawn faster than several."""
    parts = [np.empty((0, 2))]
    for log in (log for log in logs if column in log):
        points = np.column_stack([log["epoch"], 100 * log[column]]).astype(float)
        known = points[~np.isnan(points).any(axis=1)]
        parts += [known, np.full((1, 2), math.nan)] if len(known) else []
    return np.concatenate(parts)[:-1]
