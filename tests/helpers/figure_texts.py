"""Where the texts of a figure are drawn, as measured by matplotlib's renderer."""

from collections.abc import Iterator
from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from bench.report.plotting.style import fix_layout


def shown_texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that is drawn and its box in pixels, without the lines from annotations to their points."""
    return [(text.get_text(), Text.get_window_extent(text)) for text in _draw_texts(figure)]


def _draw_texts(figure: Figure) -> list[Text]:
    """Draw the figure; returns the texts that are seen."""
    canvas = FigureCanvasAgg(figure)
    fix_layout(figure)
    canvas.draw()
    return list(_texts(figure))


def _texts(figure: Figure) -> Iterator[Text]:
    """The texts that are drawn: not those of hidden axes, nor labels of ticks outside an axis's limits."""
    hidden = {id(text) for axes in figure.axes if not axes.get_visible() for text in axes.findobj(Text)}
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        beyond = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
        hidden |= {id(text) for tick in beyond for text in tick.findobj(Text)}
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden:
            yield text


def overlapping_texts(figure: Figure, shrink: float = 0.9) -> list[tuple[str, str]]:
    """Pairs of texts that overlap. shrink: factor on the sides of their boxes, which letters do not fill."""
    level = [text for text in _draw_texts(figure) if text.get_rotation() % 90 == 0]  # of others the boxes are too large
    boxes = [(text.get_text(), Text.get_window_extent(text).shrunk(shrink, shrink)) for text in level]
    return [(one, other) for (one, a), (other, b) in combinations(boxes, 2) if a.overlaps(b)]


def cut_texts(figure: Figure) -> list[str]:
    """Texts that reach beyond the edge of the figure."""
    edge = figure.bbox.padded(1)
    return [text for text, box in shown_texts(figure) if not (edge.contains(*box.min) and edge.contains(*box.max))]
