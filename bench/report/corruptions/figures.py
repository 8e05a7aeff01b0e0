"""Corruption tables as pictures."""

from itertools import cycle
from typing import TYPE_CHECKING

from bench.report.corruptions.seed_means import MEAN
from bench.report.corruptions.table import Scores
from bench.report.plotting.heat_map import draw_heat_map
from bench.report.plotting.style import COLOURS, MARKERS, TWO_COLUMNS, align, grid, wider, with_house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS = 6  # panels in a line
LINES = 10  # recipes in a panel; the CSV has them all


@with_house_style
def heat_map(scores: Scores, title: str) -> "Figure":
    """Accuracy in percent, recipes by corruptions, mean over severities."""
    means = scores.cells[(scores.cells["severity"] == MEAN) & (scores.cells["kind"] == "corruption")]
    values = means.pivot_table("accuracy", "recipe", "name", sort=False, dropna=False, aggfunc="first")
    figure, axes, _ = draw_heat_map(100 * values, title, TWO_COLUMNS, form="{:.0f}", size=6)
    axes.set_xticklabels([name.replace("_", " ") for name in values.columns], rotation=40, ha="right")
    return figure


@with_house_style
def severity_curves(scores: Scores, title: str) -> "Figure":
    """One panel a corruption, one line a recipe: accuracy by severity, with the interval of each point."""
    cells = scores.cells[(scores.cells["severity"] != MEAN) & (scores.cells["kind"] == "corruption")]
    means = cells.groupby("recipe")["accuracy"].mean().sort_values(ascending=False, kind="stable")
    cells = cells[cells["recipe"].isin(means.index[:LINES])]
    title += f" (best {LINES} of {len(means)})" if len(means) > LINES else ""
    names = list(dict.fromkeys(cells["name"]))
    across = min(ACROSS, len(names))
    figure, panels = grid(len(names), across, TWO_COLUMNS, (1.05, 0.7), title)
    severities = list(scores.severities)
    align(panels, across, xticks=severities, xlim=wider(severities), ylim=(0, 102))
    drawn, looks = {}, dict(zip(means.index, zip(cycle(COLOURS), cycle(MARKERS), strict=False), strict=False))
    for place, (axes, name) in enumerate(zip(panels, names, strict=True)):
        own = cells[cells["name"] == name]
        for recipe, line in own.groupby("recipe", sort=False):
            colour, marker = looks[recipe]
            x, y = line["severity"].to_numpy(), 100 * line["accuracy"].to_numpy()
            low, high = 100 * line["accuracy_low"].to_numpy(), 100 * line["accuracy_high"].to_numpy()
            drawn[recipe] = axes.plot(x, y, marker=marker, color=colour, markersize=2)[0]
            axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.set_title(name.replace("_", " "))
        if place >= len(panels) - across:
            axes.set_xlabel("Severity")
    figure.supylabel("Accuracy (%)")
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=min(6, len(drawn)))
    return figure
