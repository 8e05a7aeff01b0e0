"""How figures look, and where the names in them go. Colours are Okabe and Ito's, safe for colour-blind eyes."""

import textwrap
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import product
from math import cos, pi, sin
from typing import IO, TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
T = TypeVar("T")

ONE_COLUMN, TWO_COLUMNS = 3.3, 6.8  # inches
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = "osD^vP*X<>"
LETTERS = 18  # of a title, in an inch
STYLE = {
    "font.size": 7,
    "text.parse_math": False,  # names may hold dollars
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "figure.titlesize": 7.5,
    "figure.labelsize": 7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "pdf.fonttype": 42,  # TrueType: publishers refuse type 3
}
LEADER = {"arrowstyle": "-", "color": "#888888", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
ANGLES = [pi * part / 8 for part in (2, 14, 6, 10, 3, 13, 5, 11, 1, 15, 7, 9, 0, 8, 4, 12)]  # off the error bars first


def with_house_style(draw: Callable[P, T]) -> Callable[P, T]:
    """Run with the house style, and leave matplotlib's own settings alone."""

    @wraps(draw)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> T:
        from matplotlib import rc_context

        with rc_context(STYLE):  # type: ignore[arg-type]  # the stubs want every key as a literal
            return draw(*args, **kwargs)

    return in_style


@with_house_style
def save(figure: "Figure", file: IO[bytes], kind: str) -> None:
    """kind: png or pdf. No date goes in, so that equal results give equal files."""
    settle(figure)
    figure.savefig(file, format=kind, dpi=200, metadata={"CreationDate": None} if kind == "pdf" else None)


def settle(figure: "Figure") -> None:
    """Find the layout, once: matplotlib would draw the figure twice for each format, first to find it anew."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def grid(
    used: int, across: int, width: float, heights: tuple[float, float], title: str, **shared: bool
) -> "tuple[Figure, list[Axes]]":
    """A figure of `used` panels in lines of `across`. heights: of a line of panels, and of what surrounds them all."""
    from matplotlib.figure import Figure

    lines = -(-used // across)
    figure = Figure(figsize=(width, lines * heights[0] + heights[1]), layout="constrained")
    settings: Any = shared
    panels = list(figure.subplots(lines, across, squeeze=False, **settings).flat)
    for panel in panels[used:]:
        panel.set_visible(False)
    figure.suptitle("\n".join(textwrap.wrap(title, int(width * LETTERS))))  # wrap=True is not seen by the layout
    return figure, panels[:used]


def wider(places: Sequence[float]) -> tuple[float, float]:
    """Limits that leave some room on both sides of these."""
    first, last = min(places), max(places)
    beside = 0.05 * (last - first) or 0.5
    return first - beside, last + beside


def align(panels: "list[Axes]", across: int, **settings: Any) -> None:
    """Ticks and limits (in this order) of many panels, labels at the rim alone. Sharing would take quadratic time."""
    for place, panel in enumerate(panels):
        panel.autoscale(False)
        panel.set(**settings)
        panel.label_outer()
        panel.tick_params(labelbottom=place >= len(panels) - across)  # nothing below


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
