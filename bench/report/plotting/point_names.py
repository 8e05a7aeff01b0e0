"""Writes the names of points beside them, so that no name is taken for that of another point."""

from collections.abc import Sequence
from itertools import product
from math import cos, hypot, pi, sin
from typing import TYPE_CHECKING, Any

from bench.report.plotting.style import fix_layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

LETTER_SIZE = 6  # size of letters in points
LEADER_STYLE = {"arrowstyle": "-", "color": "#707070", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
LEVEL_ANGLES = (0, 8, 4, 12)  # angles in units of pi / 8: right, left, above, below
SLANTED_ANGLES = (2, 14, 6, 10, 3, 13, 5, 11, 1, 15, 7, 9)
NEAR_DISTANCE = 4  # points from the middle of a dot to its name, where no line between them is needed
LEADER_DISTANCES = (7, 10, 14, 19, 26, 35, 45, 58, 72)  # of names with a line to their dot
DOT_RADIUS = 3.5  # points that a dot reaches to each side
MIN_CLEARANCE = 2  # points by which a name without a line must be nearer to its own point than to any other
Place = tuple[float, float]


def name_points(axes: "Axes", points: Sequence[tuple[float, float, str]], has_bars: bool = False) -> None:
    """Write each name where it covers no other name or point: beside its point, or further off with a line to it.

    points: x, y and name of each. The names of points at the same place are written below each other. has_bars: error
    bars go through the points, so that names are written diagonally off them if there is room.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.transforms import Bbox

    figure: Any = axes.figure
    canvas: Any = FigureCanvasAgg(figure)
    fix_layout(figure)  # the layout that the names are placed in
    named = _join_names(axes, points)
    dots, unit = [_pixels(axes, point) for point in named], figure.dpi / 72
    taken = [
        Bbox.from_bounds(x - DOT_RADIUS * unit, y - DOT_RADIUS * unit, 2 * DOT_RADIUS * unit, 2 * DOT_RADIUS * unit)
        for x, y in dots
    ]
    angles = [
        pi * part / 8 for part in ((*SLANTED_ANGLES, *LEVEL_ANGLES) if has_bars else (*LEVEL_ANGLES, *SLANTED_ANGLES))
    ]
    for number in sorted(range(len(dots)), key=lambda number: _room(dots, number)):  # the most crowded first
        x, y, name = named[number]
        text = axes.annotate(name, (x, y), fontsize=LETTER_SIZE)
        size = text.get_window_extent(canvas.get_renderer())
        text.remove()
        inside = axes.get_window_extent()
        box, has_line = _find_place(dots, number, (size.width, size.height), taken, inside, unit, angles)
        taken.append(box)
        _write(axes, named[number], dots[number], box, has_line)


def _join_names(axes: "Axes", points: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Join points at the same place into one, with their names below each other."""
    found: dict[tuple[int, ...], list[tuple[float, float, str]]] = {}
    for point in points:
        found.setdefault(tuple(round(side / 4) for side in _pixels(axes, point)), []).append(point)
    return [(same[0][0], same[0][1], "\n".join(name for *_, name in same)) for same in found.values()]


def _pixels(axes: "Axes", point: tuple[float, float, str]) -> Place:
    """The place of a point in pixels."""
    x, y = axes.transData.transform(point[:2])
    return float(x), float(y)


def _room(dots: Sequence[Place], number: int) -> float:
    """Distance in pixels from a point to the nearest other one."""
    x, y = dots[number]
    return min((hypot(x - a, y - b) for place, (a, b) in enumerate(dots) if place != number), default=0.0)


def _find_place(
    dots: Sequence[Place],
    number: int,
    size: Place,
    taken: "Sequence[Bbox]",
    inside: "Bbox",
    unit: float,
    angles: Sequence[float],
) -> "tuple[Bbox, bool]":
    """Find a box for a name; also returns whether it needs a line to its dot.

    number: of the dot. size: of the name, in pixels. taken: boxes that it must not cover. inside: the box of the axes.
    unit: pixels in a point (1/72 inch). angles: directions from the dot to the name, the best first.
    """
    from matplotlib.transforms import Bbox

    x, y = dots[number]
    for distance, angle in product((NEAR_DISTANCE, *LEADER_DISTANCES), angles):
        far = distance * unit
        sides = [(round(way, 3) > 0) - (round(way, 3) < 0) for way in (cos(angle), sin(angle))]
        at = x + cos(angle) * far + sides[0] * size[0] / 2, y + sin(angle) * far + sides[1] * size[1] / 2
        box = Bbox.from_bounds(at[0] - size[0] / 2, at[1] - size[1] / 2, *size)
        others = [dot for place, dot in enumerate(dots) if place != number]
        free = inside.contains(*box.min) and inside.contains(*box.max) and not box.count_overlaps(taken)
        if distance == NEAR_DISTANCE:
            clear = all(_gap(box, dot) > _gap(box, (x, y)) + MIN_CLEARANCE * unit for dot in others)
        else:
            steps = [(x + part / 8 * (at[0] - x), y + part / 8 * (at[1] - y)) for part in range(1, 9)]
            clear = not any(near.contains(*step) for near in taken for step in steps if _gap(near, (x, y)) > 0)
        if free and clear:
            break
    return box, distance > NEAR_DISTANCE


def _gap(box: "Bbox", place: Place) -> float:
    """Distance in pixels from a box to a place; 0 inside."""
    x, y = place
    return hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1))


def _write(axes: "Axes", point: tuple[float, float, str], dot: Place, box: "Bbox", has_line: bool) -> None:
    from matplotlib.patheffects import withStroke

    figure: Any = axes.figure
    unit = figure.dpi / 72
    away = (box.x0 + box.width / 2 - dot[0]) / unit, (box.y0 + box.height / 2 - dot[1]) / unit
    axes.annotate(
        point[2],
        point[:2],
        away,  # in points, for any resolution
        textcoords="offset points",
        fontsize=LETTER_SIZE,
        ha="center",
        va="center",
        arrowprops=LEADER_STYLE if has_line else None,
        path_effects=[withStroke(linewidth=1.5, foreground="white")],
        zorder=2.4,  # its white rim covers error bars, not points and axes
    )
