"""What a figure shows, asked of its renderer."""

from collections.abc import Iterator
from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from bench.report.plotting.style import fix_layout


def shown_texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that is drawn, and where; without leaders of annotations."""
    return [(text.get_text(), Text.get_window_extent(text)) for text in _drawn(figure)]


def _drawn(figure: Figure) -> list[Text]:
    canvas = FigureCanvasAgg(figure)
    fix_layout(figure)
    canvas.draw()
    return list(_texts(figure))


def _texts(figure: Figure) -> Iterator[Text]:
    hidden = {id(text) for axes in figure.axes if not axes.get_visible() for text in axes.findobj(Text)}
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        beyond = [tick for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
        hidden |= {id(text) for tick in beyond for text in tick.findobj(Text)}
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden:
            yield text


def overlapping_texts(figure: Figure, shrink: float = 0.9) -> list[tuple[str, str]]:
    """Pairs of texts on each other. shrink: of their boxes, as letters do not fill them."""
    level = [text for text in _drawn(figure) if text.get_rotation() % 90 == 0]  # boxes of others say too much
    boxes = [(text.get_text(), Text.get_window_extent(text).shrunk(shrink, shrink)) for text in level]
    return [(one, other) for (one, a), (other, b) in combinations(boxes, 2) if a.overlaps(b)]


def cut_texts(figure: Figure) -> list[str]:
    """Texts that reach beyond the edge of the figure."""
    edge = figure.bbox.padded(1)
    return [text for text, box in shown_texts(figure) if not (edge.contains(*box.min) and edge.contains(*box.max))]
