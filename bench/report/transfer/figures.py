"""The figure of a transfer matrix."""

from typing import TYPE_CHECKING

import pandas as pd

from bench.report.labels import line_name
from bench.report.plotting.heat_map import ROW_HEIGHT, cell_texts, draw_heat_map, name_columns
from bench.report.plotting.style import COLOURS, ONE_COLUMN, TWO_COLUMNS, explain_below, with_house_style
from bench.report.plotting.texts import shorten
from bench.report.transfer.table import TransferMatrix

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OTHERS_LABEL = "all others at once"  # the last line: the bound
OWN_LABEL = "images made on the target itself"
NARROW_TARGETS = 4  # targets up to which the figure is one column wide
MAX_NUMBERED_TARGETS = 16  # with more, cells have no numbers, which would be too small to read; the CSV has them
NARROW_LETTERS = 24  # letters of a source up to which it is
COLUMN_WIDTH = 0.45  # width of one target in inches


@with_house_style
def heat_map(matrix: TransferMatrix, title: str) -> "Figure":
    """Heat map of sources by targets in percent, the black-box bound below; white-box cells are framed."""
    from matplotlib.patches import Patch, Rectangle

    values = matrix.cells.pivot_table("value", "source", "target", sort=False, dropna=False, aggfunc="first")
    bound = matrix.bounds.set_index("target")["black_box"][values.columns].to_frame(OTHERS_LABEL).T
    targets = len(values.columns)
    has_numbers = targets <= MAX_NUMBERED_TARGETS
    wide = max(TWO_COLUMNS, COLUMN_WIDTH * min(MAX_NUMBERED_TARGETS, targets))
    is_short = max(map(len, values.index), default=0) <= NARROW_LETTERS
    width = ONE_COLUMN if targets <= NARROW_TARGETS and is_short else wide
    shown = 100 * pd.concat([values, bound])
    texts, line = (cell_texts(shown, "{:.1f}"), ROW_HEIGHT) if has_numbers else (None, ROW_HEIGHT / 2)
    shown = shown.rename(index=lambda source: shorten(line_name(source)))
    figure, axes = draw_heat_map(shown, texts, title, width, label="Accuracy (%)", line=line)
    for y, source in enumerate(values.index):
        for x, target in enumerate(values.columns):
            if source == target:
                frame = Rectangle((x + 0.06, y + 0.06), 0.88, 0.88, fill=False, edgecolor=COLOURS[1], linewidth=1.0)
                axes.add_patch(frame)
    axes.axhline(len(values), color="black", linewidth=0.8)
    names = [line_name(target) for target in values.columns]
    name_columns(figure, axes, names, rotation=35 if has_numbers else 90, rotation_mode="anchor")
    axes.set(xlabel="Target", ylabel="Source")
    if not {*values.index}.isdisjoint(values.columns):
        explain_below(figure, [Patch(fill=False, edgecolor=COLOURS[1], label=OWN_LABEL)], 1)
    return figure
