"""Bar charts of all accuracies of a leaderboard."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from bench.core.stats import FloatArray
from bench.report.labels import condition_name, line_name
from bench.report.leaderboard.table import accuracies
from bench.report.leaderboard.text import accuracy_text
from bench.report.leaderboard.trust import INVALID, PARTIAL, SUSPECT, TRUST_TEXTS, trust_of
from bench.report.plotting.attack_colours import attack_colour
from bench.report.plotting.limits import limits_from_zero
from bench.report.plotting.style import (
    DPI,
    TWO_COLUMNS,
    explain_below,
    set_figure_title,
    set_panel_titles,
    with_house_style,
)
from bench.report.plotting.texts import shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MAX_PANELS = 12  # most panels of a figure; the table has every attack
PANELS_IN_A_ROW = 6  # panels in a row
LINE, AROUND_ROW, AROUND = 0.15, 0.62, 0.75  # inches: of a line, around a row of panels, around all of them
NAME_WIDTH = 1.2  # inches, of the names of lines
NUMBER_SHARE = 0.22  # room for the number behind a bar, as a share of the axis
BAR_STYLE = {"height": 0.72, "error_kw": {"elinewidth": 0.6, "ecolor": "#444444"}}
SEED_STYLE: Any = {"linestyle": "none", "marker": ".", "markersize": 2.5, "color": "#000000", "alpha": 0.7}  # the seeds
GREY = "#767676"
TRUST_STYLES: dict[str, dict[str, Any]] = {  # of bars that are to be read with care
    SUSPECT: {"alpha": 0.45, "hatch": "//////"},
    INVALID: {"fill": False},
    PARTIAL: {"alpha": 0.35},
}


class PanelRow(NamedTuple):
    """A row of panels: their columns of the table, and the lines that have a number or a failure in one of them."""

    columns: list[str]
    lines: pd.DataFrame


@with_house_style
def bars(table: pd.DataFrame, title: str, score: str) -> "Figure":
    """Accuracies as bars: a panel for each attack, a bar for each recipe, in the order of the table.

    All panels have the same axis, which begins at 0. If there are more than MAX_PANELS attacks: clean accuracy, the
    column that ranks, and the attacks with the lowest accuracy. A row of panels leaves out lines without a number in
    it; a panel says how many of the row's lines it has no number of.

    score: the column that ranks the board, of which the table may hold a part.
    """
    from matplotlib.figure import Figure

    known = [column for column in accuracies(table) if table[column].notna().any()]
    shown = _select_columns(table, known, score)
    title += f", {len(shown)} of {len(known)} accuracies" if len(shown) < len(known) else ""
    rows = arrange(table, shown)
    heights = [AROUND_ROW + LINE * len(row.lines) for row in rows]
    figure = Figure(figsize=(TWO_COLUMNS, sum(heights) + AROUND), layout="constrained", dpi=DPI)
    set_figure_title(figure, title)
    across = len(rows[0].columns)
    panels = figure.subplots(len(rows), across, squeeze=False, height_ratios=heights)
    ends = [value for column in shown for value in _ends(table, column)]
    top = limits_from_zero(ends, NUMBER_SHARE)
    for row, beside in zip(rows, panels, strict=True):
        for column, axes in zip(row.columns, beside, strict=False):
            _draw_panel(axes, row, column, top)
        drawn = beside[: len(row.columns)]
        set_panel_titles(figure, drawn, map(condition_name, row.columns), across, (TWO_COLUMNS - NAME_WIDTH) / across)
        beside[0].set_yticks(range(len(row.lines)), [shorten(line_name(recipe)) for recipe in row.lines["recipe"]])
        for axes in beside[len(row.columns) :]:
            axes.set_visible(False)
    explain_below(figure, _explain(table, shown), 5, "Accuracy (%)")
    return figure


def arrange(table: pd.DataFrame, columns: Sequence[str]) -> list[PanelRow]:
    """Arrange panels in rows of up to PANELS_IN_A_ROW: Clean first, then those with numbers of the most lines."""
    count = -(-len(columns) // PANELS_IN_A_ROW)
    across = -(-len(columns) // count)
    ordered = sorted(columns, key=lambda column: (column != "Clean", -table[column].count()))
    chunks = [ordered[start : start + across] for start in range(0, len(ordered), across)]
    return [PanelRow(chunk, table[_is_known(table, chunk)]) for chunk in chunks]


def _is_known(table: pd.DataFrame, columns: Sequence[str]) -> "pd.Series[bool]":
    """Which lines have a number or a failure in one of the columns."""
    failed = pd.concat([table[f"{column} status"].str.startswith("failed") for column in columns], axis=1)
    return table[[*columns]].notna().any(axis=1) | failed.any(axis=1)


def _select_columns(table: pd.DataFrame, columns: list[str], score: str) -> list[str]:
    """At most MAX_PANELS of the columns, among them Clean and the one that ranks."""
    if len(columns) <= MAX_PANELS:
        return columns
    kept = {columns[0], score}
    others = table[[column for column in columns if column not in kept]].mean().nsmallest(MAX_PANELS - len(kept))
    return [column for column in columns if column in kept or column in others]


def _draw_panel(axes: "Axes", row: PanelRow, column: str, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set(xlim=limits, ylim=(len(row.lines) - 0.4, -0.6), yticks=[])
    axes.autoscale(False)
    end = min(100.0, limits[1])
    axes.set_xticks([tick for tick in MaxNLocator(3).tick_values(0, end) if tick <= end])
    _draw_bars(axes, row.lines, column)
    lines: list[dict[Any, Any]] = row.lines.to_dict("records")
    dots = [(value, place) for place, line in enumerate(lines) for value in line[f"{column} each"]]
    axes.plot(*np.array(dots).reshape(-1, 2).T, **SEED_STYLE)
    known = _is_known(row.lines, [column])
    look: Any = {"va": "center", "fontsize": 5.5, "in_layout": False}  # inside: the layout need not measure it
    for place, line in enumerate(lines):
        text = accuracy_text(line, column, 0) if known.iloc[place] else ""
        axes.text(max([0.0, *_line_ends(line, column)]) + 0.03 * limits[1], place, text, **look)
    if missing := int((~known).sum()):
        axes.set_xlabel(f"{missing} of {len(lines)} not measured", fontsize=5.5, color=GREY)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def _draw_bars(axes: "Axes", lines: pd.DataFrame, column: str) -> None:
    from matplotlib.patheffects import withStroke

    known, colour = lines[column].notna().to_numpy(), attack_colour(column)
    look: Any = {**BAR_STYLE, "color": colour, "edgecolor": colour, "xerr": intervals(lines, column)[:, known]}
    drawn = axes.barh(np.arange(len(lines))[known], lines[column][known], **look)
    for bar, line in zip(drawn, lines[known].to_dict("records"), strict=True):
        bar.set(linewidth=0.5, **TRUST_STYLES.get(trust_of(line, column), {}))
    for whiskers in drawn.errorbar[2] if drawn.errorbar is not None else ():
        whiskers.set_path_effects([withStroke(linewidth=1.6, foreground="white")])  # seen on dark bars too


def _explain(table: pd.DataFrame, columns: Sequence[str]) -> list[Any]:
    """The entries of the legend, for what is drawn only."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    known = {
        trust_of(line, column) for line in table.to_dict("records") for column in columns if pd.notna(line[column])
    }
    found: list[Any] = [Line2D([], [], color="#444444", linewidth=0.6, label=_interval_words(table))]
    if any(len(each) for column in columns for each in table[f"{column} each"]):
        found.append(Line2D([], [], label="a seed", **SEED_STYLE))
    looks = {kind: look for kind, look in TRUST_STYLES.items() if kind in known}
    return found + [
        Patch(**{"color": GREY, "linewidth": 0.5, "label": TRUST_TEXTS[kind], **look}) for kind, look in looks.items()
    ]


def _interval_words(table: pd.DataFrame) -> str:
    several = table["seeds"] > 1
    if several.all():
        return "standard deviation over seeds"
    return "95 % interval" + (" (several seeds: standard deviation)" if several.any() else "")


def _ends(table: pd.DataFrame, column: str) -> list[float]:
    return [end for line in table.to_dict("records") for end in _line_ends(line, column)]


def _line_ends(line: dict[Any, Any], column: str) -> list[float]:
    """Value, upper end of the interval and values of single seeds of a line; without NaN."""
    ends = [line[f"{column} high"], line[column], *line[f"{column} each"]]
    return [end for end in ends if not pd.isna(end)]


def intervals(table: pd.DataFrame, column: str) -> FloatArray:
    """Distances from each value down and up to the ends of its interval, (2, lines)."""
    value, low, high = (table[c].to_numpy() for c in (column, f"{column} low", f"{column} high"))
    return np.maximum(0, [value - low, high - value])  # rounding could leave -1e-15
