"""Heat maps: a table of numbers as coloured cells, each with its number."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.plotting.style import COLOURS, grid, grow
from bench.report.plotting.texts import shorten
from bench.report.table_formats.table_text import MISSING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

ROW_HEIGHT = 0.26  # height of one row in inches
MARGIN_HEIGHT = 1.3  # height above and below all rows in inches
USUAL_LETTERS = 18  # of the names below the columns, for which that leaves room
LETTER_HEIGHT = 0.06  # inches that each further letter of a slanted name takes
DARK_LUMINANCE = 0.45  # luminance, below which white is easier to read than black
ONE_SIDED = ("#FFFFFF", COLOURS[0])  # colours of the lowest and the highest number
TWO_SIDED = (COLOURS[1], "#FFFFFF", COLOURS[0])  # colours below zero, at zero and above it
MIN_RANGE = 1.0  # least range of colours, in percentage points; around zero, to each side
NUMBER_SIZE = 6.5  # font size of texts in cells, in points


def draw_heat_map(
    values: pd.DataFrame,
    texts: pd.DataFrame | None,
    title: str,
    width: float,
    *,
    label: str,
    around_zero: bool = False,
    line: float = ROW_HEIGHT,
    size: float = NUMBER_SIZE,
) -> "tuple[Figure, Axes]":
    """Draw a heat map and its colour bar; ticks are in the middle of cells, and the caller names those of the x axis.

    values: a row for each index, a cell for each column, NaN where missing. texts: of the cells; None: no texts.
    width, line: width of the figure and height of one row in inches. label: of the colour bar. around_zero: numbers
    below and above zero have colours of their own. size: font size of the texts in points.
    """
    from matplotlib.colors import LinearSegmentedColormap

    shown = values.to_numpy()
    figure, (axes,) = grid(1, 1, width, (line * len(values), MARGIN_HEIGHT), title)
    low, high = _scale(shown, around_zero)
    colours = LinearSegmentedColormap.from_list("house", TWO_SIDED if around_zero else ONE_SIDED)
    look: Any = {"cmap": colours.with_extremes(bad="#EEEEEE"), "vmin": low, "vmax": high}
    drawn = axes.pcolormesh(shown, edgecolors="white", linewidth=1.0, **look)
    if texts is not None:
        _write(axes, drawn, texts, size)
    ticks = {"xticks": np.arange(shown.shape[1]) + 0.5, "yticks": np.arange(len(values)) + 0.5}
    axes.set(**ticks, ylim=(len(values), 0))
    axes.set_yticklabels(values.index)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    figure.colorbar(drawn, ax=axes, label=label, shrink=0.9, pad=0.02).outline.set_visible(False)
    return figure, axes


def name_columns(figure: "Figure", axes: "Axes", names: Sequence[str], **look: Any) -> None:
    """Write slanted names below the columns, on a figure that grows with the longest. look: of matplotlib's texts."""
    shown = [shorten(name) for name in names]
    axes.set_xticklabels(shown, ha="right", **look)
    grow(figure, LETTER_HEIGHT * max(0, max(map(len, shown), default=0) - USUAL_LETTERS))


def cell_texts(values: pd.DataFrame, form: str) -> pd.DataFrame:
    """Format numbers; NaN is a dash, and a zero has no sign."""

    def text(value: float) -> str:
        shown = form.format(value)
        return MISSING if np.isnan(value) else shown.lstrip("+-") if float(shown) == 0 else shown

    return values.map(text)


def _scale(shown: "np.ndarray[Any, np.dtype[np.float64]]", around_zero: bool) -> tuple[float, float]:
    """The numbers that have the first and the last colour."""
    known = shown[~np.isnan(shown)]
    if around_zero:
        reach = max(MIN_RANGE, float(np.abs(known).max(initial=0.0)))
        return -reach, reach
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 100.0)
    return (low, high) if high - low >= MIN_RANGE else (max(0.0, low - MIN_RANGE), low + MIN_RANGE)


def _write(axes: "Axes", drawn: "QuadMesh", texts: pd.DataFrame, size: float) -> None:
    values: Any = drawn.get_array()
    for y, x in np.ndindex(texts.shape):
        red, green, blue, _ = drawn.cmap(drawn.norm(values[y, x]))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < DARK_LUMINANCE
        look: Any = {"ha": "center", "va": "center", "fontsize": size, "color": "white" if dark else "black"}
        axes.text(x + 0.5, y + 0.5, str(texts.iloc[y, x]), **look)
