"""Where the names of points are written."""

from itertools import product
from math import cos, pi, sin
from typing import TYPE_CHECKING, Any

from bench.report.plotting.style import settle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEADER = {"arrowstyle": "-", "color": "#888888", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
ANGLES = [pi * part / 8 for part in (2, 14, 6, 10, 3, 13, 5, 11, 1, 15, 7, 9, 0, 8, 4, 12)]  # off the error bars first


def name_points(axes: "Axes", points: list[tuple[float, float, str]]) -> None:
    """Write each name beside its point, at the nearest place where it covers no other name or point."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Bbox

    figure: Any = axes.figure
    canvas: Any = FigureCanvasAgg(figure)
    settle(figure)  # the layout that the names are placed in
    inside, point_size = axes.get_window_extent(), figure.dpi / 72
    dots = [axes.transData.transform(point[:2]) for point in points]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in dots]
    for (x, y), (clean, robust, name) in zip(dots, points, strict=True):
        text = axes.annotate(name, (clean, robust), fontsize=6)
        size = text.get_window_extent(canvas.get_renderer())
        text.remove()
        for distance, angle in product((6, 9, 13, 18, 26, 36, 48, 62, 80), ANGLES):
            at = x + cos(angle) * (distance + size.width / 2), y + sin(angle) * (distance + size.height / 2)
            box = Bbox.from_bounds(at[0] - size.width / 2, at[1] - size.height / 2, size.width, size.height)
            if inside.contains(*box.min) and inside.contains(*box.max) and not box.count_overlaps(taken):
                break
        taken.append(box)
        axes.annotate(
            name,
            (clean, robust),
            ((at[0] - x) / point_size, (at[1] - y) / point_size),  # in points, for any resolution
            textcoords="offset points",
            fontsize=6,
            ha="center",
            va="center",
            arrowprops=LEADER if distance > 9 else None,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
            zorder=2.4,  # its white rim covers error bars, not points and axes
        )
