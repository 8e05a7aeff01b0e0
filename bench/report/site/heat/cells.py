"""Cells of a heat map: a number, what it is, and a shade between the paper and a colour."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bench.report.table_text import MISSING


@dataclass(frozen=True)
class HeatCell:
    """shade: 0 to 1, of the one colour above zero and of the other one below it. order: what the cell sorts by."""

    text: str
    about: str = ""
    shade: float = 0.0
    order: float | None = None
    is_own: bool = False  # drawn with a frame


@dataclass(frozen=True)
class Scale:
    """From numbers to shades. Where middle is given, numbers below it have the other colour."""

    low: float
    high: float
    middle: float | None = None

    @property
    def is_diverging(self) -> bool:
        """Whether shades are of differences to the middle."""
        return self.middle is not None

    def shade(self, value: float) -> float:
        """Of a number; 0 where there is none."""
        if math.isnan(value) or self.high == self.low:
            return 0.0
        start = self.low if self.middle is None else self.middle
        longest = max(self.high - start, start - self.low)
        return round(max(-1.0, min(1.0, (value - start) / longest)), 3)


class HeatMap(NamedTuple):
    """Cells by line and column: methods by corruptions or severities, or sources of images by targets."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    scale: Scale


def scale_of(values: Iterable[float]) -> Scale:
    """From the lowest of these to the highest."""
    known = [value for value in values if not math.isnan(value)]
    return Scale(min(known), max(known)) if known else Scale(0.0, 0.0)


def scale_around(values: Iterable[float], middle: float = 0.0) -> Scale:
    """As far to both sides of the middle as the farthest of these is."""
    farthest = max((abs(value - middle) for value in values if not math.isnan(value)), default=0.0)
    return Scale(middle - farthest, middle + farthest, middle)


def missing_cell(status: str) -> HeatCell:
    """Where there is no number: failed, or not measured."""
    has_failed = status.startswith("failed")
    return HeatCell("failed" if has_failed else MISSING, status if has_failed else "not measured")
