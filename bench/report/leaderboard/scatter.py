"""Scatter plots of a leaderboard: clean accuracy, or cost of training, against the accuracy that ranks it."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.labels import condition_name, line_name
from bench.report.leaderboard.bars import intervals
from bench.report.leaderboard.trust import INVALID, OK, PARTIAL, SUSPECT, TRUST_TEXTS, trust_of
from bench.report.plotting.limits import fitted_limits
from bench.report.plotting.point_names import name_points
from bench.report.plotting.style import COLOURS, ONE_COLUMN, TWO_COLUMNS, explain_below, grid, with_house_style
from bench.report.plotting.texts import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COST_COLUMN = "passes"  # column of the table: passes per image of a training step
NARROW_POINTS = 8  # points up to which the figure is one column wide
NARROW_LETTERS = 24  # letters of a name up to which it is
MAX_INTERVALS = 10  # more of them would hide the points, and their median width is a note instead
MARGIN_SHARE = 0.08  # space beside the points, as a share of the range of an axis
INTERVAL_STYLE: Any = {"fmt": "none", "ecolor": "#C4C4C4", "elinewidth": 0.6, "zorder": 1.5}
TRUST_STYLES: dict[str, dict[str, Any]] = {
    OK: {"marker": "o", "color": COLOURS[0]},
    PARTIAL: {"marker": "o", "color": COLOURS[0], "alpha": 0.4},
    SUSPECT: {"marker": "D", "color": COLOURS[1], "markerfacecolor": "white"},
    INVALID: {"marker": "X", "color": COLOURS[1], "markerfacecolor": "white"},
}


def is_scatter(table: pd.DataFrame, column: str, score: str) -> bool:
    """Whether a figure of Clean or COST_COLUMN makes sense: two lines (or two costs) or more, ranked by an attack.

    score: the column that ranks the board.
    """
    points = table.dropna(subset=[column, score])
    count = points[COST_COLUMN].nunique() if column == COST_COLUMN else len(points)
    return score != "Clean" and count > 1


@with_house_style
def scatter(table: pd.DataFrame, title: str, score: str) -> "Figure":
    """Clean accuracy against `score`, the column that ranks the board, with intervals. table: lines of the board."""
    return _scatter(table, title, "Clean", accuracy_axis("Clean"), score)


@with_house_style
def cost(table: pd.DataFrame, title: str, score: str) -> "Figure":
    """Cost of a training step against `score`, the column that ranks the board. table: lines of the board."""
    return _scatter(table, title, COST_COLUMN, "Passes per image of a training step", score)


def accuracy_axis(column: str) -> str:
    """The label of an axis with the accuracies of a column."""
    if column == "Worst":
        return "Right under every attack (%)"
    return "Clean accuracy (%)" if column == "Clean" else f"Accuracy under {shorten(condition_name(column))} (%)"


def _scatter(table: pd.DataFrame, title: str, column: str, label: str, score: str) -> "Figure":
    """A column of the table against the one that ranks the board."""
    from matplotlib.ticker import MaxNLocator

    points = table.dropna(subset=[column, score])
    names = [shorten(line_name(recipe)) for recipe in points["recipe"]]
    is_narrow = len(points) <= NARROW_POINTS and max(map(len, names), default=0) <= NARROW_LETTERS
    width, height = (ONE_COLUMN, 2.5) if is_narrow else (TWO_COLUMNS, 4.0)
    figure, (axes,) = grid(1, 1, width, (height, 0.3), title)
    up = intervals(points, score)
    across = intervals(points, column) if f"{column} low" in points else np.zeros_like(up)
    if len(points) <= MAX_INTERVALS:
        axes.errorbar(points[column], points[score], xerr=across if across.any() else None, yerr=up, **INTERVAL_STYLE)
    kinds = [trust_of(line, score) for line in points.to_dict("records")]
    for kind, look in TRUST_STYLES.items():
        mine = points[[other == kind for other in kinds]]
        if len(mine):
            axes.plot(mine[column], mine[score], linestyle="none", zorder=3, clip_on=False, **look)
    shown = len(points) <= MAX_INTERVALS
    axes.set(xlabel=label, ylabel=accuracy_axis(score), ylim=_limits(points, score, shown))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    if column == COST_COLUMN:
        axes.margins(x=MARGIN_SHARE)
    else:
        axes.set_xlim(_limits(points, column, shown))
    _explain(axes, kinds, "95 % intervals" if (points["seeds"] == 1).all() else "Intervals", across, up)
    name_points(axes, list(zip(points[column], points[score], names, strict=True)), has_bars=shown)
    return figure


def _limits(points: pd.DataFrame, column: str, with_intervals: bool) -> tuple[float, float]:
    ends = [points[column], *([points[f"{column} low"], points[f"{column} high"]] if with_intervals else [])]
    return fitted_limits(pd.concat(ends), MARGIN_SHARE)


def _explain(axes: "Axes", kinds: list[str], intervals: str, across: Any, up: Any) -> None:
    """The legend: what hollow marks mean, and the median width of intervals if they are not drawn."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="none", label=TRUST_TEXTS[kind], **TRUST_STYLES[kind])
        for kind in TRUST_TEXTS
        if kind in kinds
    ]
    if len(kinds) > MAX_INTERVALS:
        halves = {"across": across, "up": up}
        sizes = [f"±{np.median(half.max(axis=0)):.1f} {way}" for way, half in halves.items() if half.any()]
        handles.append(Line2D([], [], linestyle="none", label=f"{intervals} (median): {', '.join(sizes)}"))
    else:
        handles.append(Line2D([], [], color="#C4C4C4", linewidth=0.6, label=intervals))
    figure: Any = axes.figure
    explain_below(figure, handles, 3)
