"""Figures of exhibits, each drawn from tables of `read_exhibit`."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.exhibits.table import STATISTICS, channel_gains, stack_maps
from bench.report.plotting.style import COLOURS, ONE_COLUMN, TWO_COLUMNS, grid, set_panel_titles, with_house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HISTOGRAM_BINS = 30
PANEL_MARGIN = 0.25  # inches, of what is left and right of a panel
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NARROW_CHANNELS = 20  # channels up to which a figure is one column wide
STATE_COLOURS = {"blocked": COLOURS[1], "magnified": COLOURS[2]}


@with_house_style
def histograms(tables: Mapping[str, pd.DataFrame], title: str) -> "Figure":
    """One panel a model: histogram of squared gradient norms, correct and misclassified images, on a log axis."""
    squared = np.concatenate([table["squared"].to_numpy() for table in tables.values()])
    known = np.log10(squared[squared > 0])
    low, high = (math.floor(known.min()), math.ceil(known.max())) if len(known) else (-1, 0)
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1).tolist()
    across, width = _across(len(tables))
    figure, panels = grid(len(tables), across, width, (1.35, 0.7), title, sharex=True)
    titles = []
    for (name, table), axes in zip(tables.items(), panels, strict=True):
        there = table[table["squared"] > 0]
        for right, label, colour in ((True, "right", COLOURS[0]), (False, "wrong", COLOURS[1])):
            logs = np.log10(there["squared"][there["right"] == right])
            look: Any = {"weights": np.full(len(logs), 100 / max(1, len(logs))), "color": colour, "alpha": 0.55}
            axes.hist(logs, edges, histtype="stepfilled", label=label, **look)
        zeros = len(table) - len(there)
        titles.append(name + (f" ({zeros} at 0 left out)" if zeros else ""))
    set_panel_titles(figure, panels, titles, across, width / across - PANEL_MARGIN)
    ticks = list(range(low, high + 1, math.ceil((high - low) / 3)))
    _below(
        panels,
        across,
        xlabel="Squared gradient norm",
        xticks=ticks,
        xticklabels=[f"10{str(t).translate(SUPERSCRIPTS)}" for t in ticks],
    )
    figure.supylabel("Share of images (%)")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@with_house_style
def overlay(table: pd.DataFrame, title: str) -> "Figure":
    """The first batch norm channel by channel, before the fine-tuning and after it: one panel a statistic."""
    first = table[table["layer"] == 1]
    figure, panels = grid(
        4, 2, ONE_COLUMN if len(first) <= NARROW_CHANNELS else TWO_COLUMNS, (1.25, 0.7), title, sharex=True
    )
    for (name, statistic), axes in zip(STATISTICS.items(), panels, strict=True):
        for column, colour, style, label in ((f"start_{name}", 0, "o-", "before"), (name, 1, "s--", "after")):
            look: Any = {"color": COLOURS[colour], "markersize": 2, "linewidth": 0.8, "label": label}
            axes.plot(first["channel"], first[column], style, **look)
        axes.set(title=statistic)
    _below(panels, 2, xlabel="Channel")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


@with_house_style
def feature_maps(table: pd.DataFrame, title: str) -> "Figure":
    """Every map before and after on one colour scale; those that were blocked or magnified are framed."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Patch

    states = channel_gains(table)["state"]
    shown = {when: stack_maps(table, when) for when in ("before", "after")}
    wide = ONE_COLUMN if len(states) <= NARROW_CHANNELS else TWO_COLUMNS
    figure, panels = grid(2, 2, wide, (wide / 2 - 0.15, 0.55), title)
    colours = LinearSegmentedColormap.from_list("ink", ["#FFFFFF", COLOURS[5], COLOURS[0], "#001428"])
    top = max(float(stack.max()) for stack in shown.values()) or 1.0
    for (when, stack), axes in zip(shown.items(), panels, strict=True):
        drawn = axes.imshow(_mosaic(stack), cmap=colours, vmin=0, vmax=top, interpolation="nearest")
        axes.set_facecolor("#C8C8C8")
        axes.set(title=when, xticks=[], yticks=[])
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        _frames(axes, states, stack.shape)
    figure.colorbar(drawn, ax=panels, shrink=0.8, pad=0.02, label="Activation").outline.set_visible(False)
    there = {state: colour for state, colour in STATE_COLOURS.items() if state in set(states)}
    if there:
        patches = [Patch(fill=False, edgecolor=colour, label=state) for state, colour in there.items()]
        figure.legend(handles=patches, loc="outside lower center", ncols=2)
    return figure


@with_house_style
def slices(tables: Mapping[str, pd.DataFrame], title: str) -> "Figure":
    """One panel a model: mean loss along the attack and along random signs, with the middle 80 % of the images."""
    across, width = _across(len(tables))
    figure, panels = grid(len(tables), across, width, (1.35, 0.7), title, sharex=True)
    lines = {"attack": ("along the attack", COLOURS[1], "-"), "random": ("random signs", COLOURS[0], "--")}
    for table, axes in zip(tables.values(), panels, strict=True):
        for direction, (label, colour, style) in lines.items():
            part = table[table["direction"] == direction]
            axes.fill_between(part["step"], part["q10"], part["q90"], color=colour, alpha=0.15, linewidth=0)
            axes.plot(part["step"], part["mean"], style, color=colour, label=label)
        for border in (-1, 1):
            axes.axvline(border, color="#666666", linestyle=":", linewidth=0.8)
        axes.set(ylim=(0, None))
    set_panel_titles(figure, panels, tables, across, width / across - PANEL_MARGIN)
    _below(panels, across, xlabel="Step (eps)", xticks=[-1, 0, 1])
    figure.supylabel("Cross-entropy")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _across(panels: int) -> tuple[int, float]:
    """Number of panels in a row, and the width of the figure in inches."""
    return (panels, ONE_COLUMN) if panels <= 2 else (min(4, panels), TWO_COLUMNS)


def _below(panels: "list[Axes]", across: int, **settings: Any) -> None:
    """Set labels and ticks of the x axis on the lowest panel of each column."""
    for axes in panels[-across:]:
        axes.set(**settings)
        axes.tick_params(labelbottom=True)


def _side(count: int) -> int:
    """Number of maps in a row of a mosaic."""
    return math.ceil(math.sqrt(count))


def _mosaic(stack: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Any:
    """Maps (C, H, W) as one image, with masked pixels around each."""
    count, height, width = stack.shape
    side = _side(count)
    image = np.full((-(-count // side) * (height + 1) + 1, side * (width + 1) + 1), np.nan)
    for place, shown in enumerate(stack):
        y, x = (place // side) * (height + 1) + 1, (place % side) * (width + 1) + 1
        image[y : y + height, x : x + width] = shown
    return np.ma.masked_invalid(image)


def _frames(axes: "Axes", states: "pd.Series[Any]", shape: tuple[int, ...]) -> None:
    from matplotlib.patches import Rectangle

    count, height, width = shape
    for place, state in enumerate(states):
        if state:
            corner = ((place % _side(count)) * (width + 1), (place // _side(count)) * (height + 1))
            axes.add_patch(
                Rectangle(corner, width + 1, height + 1, fill=False, edgecolor=STATE_COLOURS[state], linewidth=1.2)
            )
