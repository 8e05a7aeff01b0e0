"""Corruption tables as pictures."""

from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from bench.report.corruptions import MEAN, Scores
from bench.report.style import COLOURS, MARKERS, TWO_COLUMNS, grid, styled
from bench.report.words import MISSING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE = 0.26  # inches, of one recipe
DARK = 85  # percent, above which white is easier to read than black
ACROSS = 6  # panels in a line


@styled
def heat_map(scores: Scores, title: str) -> "Figure":
    """Accuracy in percent, recipes by corruptions, mean over severities."""
    from matplotlib.colors import LinearSegmentedColormap

    means = scores.cells[(scores.cells["severity"] == MEAN) & (scores.cells["kind"] == "corruption")]
    values = means.pivot_table("accuracy", "recipe", "name", sort=False, dropna=False, aggfunc="first")
    shown = 100 * values.to_numpy()
    figure, (axes,) = grid(1, 1, TWO_COLUMNS, (LINE * len(values), 1.3), title)
    colours = LinearSegmentedColormap.from_list("house", ["#FFFFFF", COLOURS[0]]).with_extremes(bad="#EEEEEE")
    axes.pcolormesh(shown, cmap=colours, vmin=0, vmax=100, edgecolors="white", linewidth=1.0)
    for y, x in np.ndindex(shown.shape):
        text = MISSING if np.isnan(shown[y, x]) else f"{shown[y, x]:.0f}"
        ink = "white" if shown[y, x] > DARK else "black"
        axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=6, color=ink)
    axes.set(xticks=np.arange(len(values.columns)) + 0.5, yticks=np.arange(len(values)) + 0.5, ylim=(len(values), 0))
    axes.set_xticklabels([name.replace("_", " ") for name in values.columns], rotation=40, ha="right")
    axes.set_yticklabels(values.index)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


@styled
def severity_curves(scores: Scores, title: str) -> "Figure":
    """One panel a corruption, one line a recipe: accuracy by severity, with the interval of each point."""
    cells = scores.cells[(scores.cells["severity"] != MEAN) & (scores.cells["kind"] == "corruption")]
    names = list(dict.fromkeys(cells["name"]))
    figure, panels = grid(
        len(names), min(ACROSS, len(names)), TWO_COLUMNS, (1.05, 0.7), title, sharex=True, sharey=True
    )
    drawn = {}
    for axes, name in zip(panels, names, strict=True):
        own = cells[cells["name"] == name]
        looks = zip(cycle(COLOURS), cycle(MARKERS), strict=False)
        for (recipe, line), (colour, marker) in zip(own.groupby("recipe", sort=False), looks, strict=False):
            x, y = line["severity"].to_numpy(), 100 * line["accuracy"].to_numpy()
            low, high = 100 * line["accuracy_low"].to_numpy(), 100 * line["accuracy_high"].to_numpy()
            drawn[recipe] = axes.plot(x, y, marker=marker, color=colour, markersize=2)[0]
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.set(title=name.replace("_", " "), ylim=(0, 102), xticks=list(scores.severities))
    figure.supxlabel("Severity")
    figure.supylabel("Accuracy (%)")
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=min(6, len(drawn)))
    return figure
