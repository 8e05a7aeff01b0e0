"""A transfer matrix as a picture."""

from typing import TYPE_CHECKING

import numpy as np

from bench.report.leaderboard.text import MISSING
from bench.report.style import COLOURS, ONE_COLUMN, TWO_COLUMNS, grid, with_house_style
from bench.report.transfer.table import TransferMatrix

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OTHERS = "all others at once"  # the last line: the bound
FEW = 4  # targets that one column has room for
MANY = 16  # targets beyond which numbers would be too small to read; the CSV has them
DARK = 85  # percent, above which white is easier to read than black
LINE, COLUMN = 0.26, 0.45  # inches, of one source and of one target among many


@with_house_style
def heat_map(matrix: TransferMatrix, title: str) -> "Figure":
    """Sources by targets in percent, the bound below them; frames are around what was made on the target itself."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    cells, bounds = matrix.cells, matrix.bounds
    values = cells.pivot_table("value", "source", "target", sort=False, dropna=False, aggfunc="first")
    shown = 100 * np.vstack([values.to_numpy(), bounds.set_index("target")["black_box"][values.columns]])
    lines, many = [*values.index, OTHERS], len(values.columns) > MANY
    width = ONE_COLUMN if len(values.columns) <= FEW else max(TWO_COLUMNS, COLUMN * min(MANY, len(values.columns)))
    figure, (axes,) = grid(1, 1, width, ((LINE / 2 if many else LINE) * len(lines), 1.3), title)
    colours = LinearSegmentedColormap.from_list("house", ["#FFFFFF", COLOURS[0]]).with_extremes(bad="#EEEEEE")
    drawn = axes.pcolormesh(shown, cmap=colours, vmin=0, vmax=100, edgecolors="white", linewidth=1.0)
    for y, x in np.ndindex(shown.shape):
        known = not np.isnan(shown[y, x])
        if not many:
            text = f"{shown[y, x]:.1f}" if known else MISSING
            ink = "white" if known and shown[y, x] > DARK else "black"
            axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=6.5, color=ink)
        if y < len(values) and values.index[y] == values.columns[x]:
            axes.add_patch(Rectangle((x + 0.06, y + 0.06), 0.88, 0.88, fill=False, edgecolor=COLOURS[1], linewidth=1.0))
    axes.axhline(len(values), color="black", linewidth=0.8)
    axes.set(xticks=np.arange(len(values.columns)) + 0.5, yticks=np.arange(len(lines)) + 0.5)
    axes.set_xticklabels(values.columns, rotation=90 if many else 35, ha="right", rotation_mode="anchor")
    axes.set_yticklabels(lines)
    axes.set(ylim=(len(lines), 0), xlabel="Target", ylabel="Source")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    figure.colorbar(drawn, ax=axes, label="Accuracy (%)", shrink=0.9, pad=0.02).outline.set_visible(False)
    return figure
