"""Charts for the templates, which draw them in SVG; positions are in units of the picture."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from bench.report.site.chart_labels import Label, place_labels

FEW_TICKS = 5
SHAPES = 4  # of marks; lines beyond the number of colours have the same colours with other shapes
COLOURS = 7

Href = Callable[[str], str]  # address of a method's page by the label of its line; empty if there is none


class ChartPoint(NamedTuple):
    """The data of a mark; NaN for ends of intervals that it has not."""

    name: str
    x: float
    y: float
    tip: str  # shown on hover, and read out: name, value, interval, n
    href: str = ""
    look: str = ""  # ok, suspect or invalid; empty for points of a line
    y_low: float = math.nan
    y_high: float = math.nan
    x_low: float = math.nan
    x_high: float = math.nan


class Axis(NamedTuple):
    """A range of numbers, and the positions of its ends on the picture."""

    title: str
    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """The position of a number on the picture."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and texts of round numbers in the range."""
        return [(self.place(value), f"{value:g}") for value in round_numbers(self.low, self.high)]


class Mark(NamedTuple):
    """A point at its place on the picture."""

    x: float
    y: float
    point: ChartPoint
    bars: tuple[tuple[float, float, float, float], ...]  # intervals
    label: Label | None = None


class ChartCurve(NamedTuple):
    """A line at its place on the picture."""

    name: str
    look: str
    path: str  # corners of the line
    marks: tuple[Mark, ...]
    href: str = ""


class Chart(NamedTuple):
    """What a template draws: axes, and marks or curves between them."""

    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...] = ()
    curves: tuple[ChartCurve, ...] = ()
    width: float = 480
    height: float = 330


def round_numbers(low: float, high: float, most: int = FEW_TICKS) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten in a range, at most `most` + 1."""
    span = high - low
    if not 0 < span < math.inf:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if span / step <= most)
    return [round(step * i, 10) for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def scatter(title: str, titles: tuple[str, str], points: Sequence[ChartPoint], floor: float = 0.0) -> Chart:
    """A chart with a mark for each point, labelled where there is room. titles: of both axes."""
    left, top, right, bottom = 50, 14, 470, 286
    x = Axis(titles[0], *_range([end for p in points for end in (p.x, p.x_low, p.x_high)], floor), left, right)
    y = Axis(titles[1], *_range([end for p in points for end in (p.y, p.y_low, p.y_high)], floor), bottom, top)
    marks = [_mark(point, x, y) for point in sorted(points, key=lambda point: -point.y)]
    return Chart(title, x, y, label_marks(marks, (left, top, right)))


def lines(
    title: str,
    titles: tuple[str, str],
    curves: Mapping[str, Sequence[ChartPoint]],
    looks: Mapping[str, str],
    href: Href,
) -> Chart:
    """A chart with a line for each name. looks: style classes by name, the same on all charts shown together."""
    points = [point for own in curves.values() for point in own]
    x = Axis(titles[0], *_range([point.x for point in points], None), 44, 312)
    y = Axis(titles[1], *_range([end for p in points for end in (p.y, p.y_low, p.y_high)], 0.0), 176, 12)
    drawn = []
    for name, own in curves.items():
        marks = tuple(_mark(point, x, y) for point in own)
        path = " ".join(f"{mark.x:g},{mark.y:g}" for mark in marks)
        drawn.append(ChartCurve(name, looks[name], path, marks, href(name)))
    return Chart(title, x, y, (), tuple(drawn), 320, 216)


def line_looks(names: Iterable[str]) -> dict[str, str]:
    """Style classes by name of a line: its colour and the shape of its marks."""
    unique = dict.fromkeys(names)
    return {name: f"c{place % COLOURS} s{place // COLOURS % SHAPES}" for place, name in enumerate(unique)}


def _range(values: Iterable[float], floor: float | None) -> tuple[float, float]:
    """Ends of an axis with some room on both sides, not below the floor."""
    known = [value for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = 0.06 * (high - low) or 0.5
    return (low - room if floor is None else max(floor, low - room)), high + room


def label_marks(marks: Sequence[Mark], inside: tuple[float, float, float]) -> tuple[Mark, ...]:
    """Add labels to marks where there is room. inside: left, top and right edge of the chart."""
    labels = place_labels([(mark.x, mark.y, mark.point.name) for mark in marks], *inside)
    return tuple(mark._replace(label=label) for mark, label in zip(marks, labels, strict=True))


def _mark(point: ChartPoint, x: Axis, y: Axis) -> Mark:
    across, up = x.place(point.x), y.place(point.y)
    bars = []
    if not math.isnan(point.x_low):
        bars.append((x.place(point.x_low), up, x.place(point.x_high), up))
    if not math.isnan(point.y_low):
        bars.append((across, y.place(point.y_low), across, y.place(point.y_high)))
    return Mark(across, up, point, tuple(bars))
