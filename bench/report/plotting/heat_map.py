"""A table of accuracies as a picture: a shade and a number a cell."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.plotting.style import COLOURS, grid
from bench.report.table_text import MISSING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

LINE = 0.26  # inches, of one line
AROUND = 1.3  # inches, of what is above and below all lines
DARK = 85  # percent, above which white is easier to read than black


def draw_heat_map(
    values: pd.DataFrame, title: str, width: float, *, line: float = LINE, form: str = "{:.1f}", size: float = 6.5
) -> "tuple[Figure, Axes, QuadMesh]":
    """Percentages, a line an index and a cell a column; ticks are in the middle of cells, and named by the caller.

    width, line: inches, of the figure and of one line. form: of the number in a cell, of `size` points; empty: none.
    """
    from matplotlib.colors import LinearSegmentedColormap

    shown = values.to_numpy()
    figure, (axes,) = grid(1, 1, width, (line * len(values), AROUND), title)
    colours = LinearSegmentedColormap.from_list("house", ["#FFFFFF", COLOURS[0]]).with_extremes(bad="#EEEEEE")
    drawn = axes.pcolormesh(shown, cmap=colours, vmin=0, vmax=100, edgecolors="white", linewidth=1.0)
    for y, x in np.ndindex(shown.shape) if form else ():
        text = MISSING if np.isnan(shown[y, x]) else form.format(shown[y, x])
        look: Any = {"ha": "center", "va": "center", "fontsize": size}
        axes.text(x + 0.5, y + 0.5, text, **look, color="white" if shown[y, x] > DARK else "black")
    ticks = {"xticks": np.arange(shown.shape[1]) + 0.5, "yticks": np.arange(len(values)) + 0.5}
    axes.set(**ticks, ylim=(len(values), 0))
    axes.set_yticklabels(values.index)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure, axes, drawn
