"""Cells of heat maps: number, explanation and shade."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bench.report.table_formats.table_text import MISSING


@dataclass(frozen=True)
class HeatCell:
    """One cell. shade: -1 to 1, with another colour below zero. order: sort key."""

    text: str
    about: str = ""
    shade: float = 0.0
    order: float | None = None
    is_own: bool = False  # drawn with a frame


@dataclass(frozen=True)
class ColourScale:
    """Maps numbers to shades; with a middle, numbers below it have another colour."""

    low: float
    high: float
    middle: float | None = None

    @property
    def is_diverging(self) -> bool:
        """Whether shades show differences to a middle."""
        return self.middle is not None

    def shade(self, value: float) -> float:
        """The shade of a number, -1 to 1; 0 for NaN."""
        if math.isnan(value) or self.high == self.low:
            return 0.0
        start = self.low if self.middle is None else self.middle
        longest = max(self.high - start, start - self.low)
        return round(max(-1.0, min(1.0, (value - start) / longest)), 3)


class HeatMap(NamedTuple):
    """Cells by line and column: methods by corruptions or severities, or sources of images by targets."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, tuple[HeatCell, ...]], ...]
    scale: ColourScale


def scale_of(values: Iterable[float]) -> ColourScale:
    """A scale from the lowest to the highest of the values."""
    known = [value for value in values if not math.isnan(value)]
    return ColourScale(min(known), max(known)) if known else ColourScale(0.0, 0.0)


def scale_around(values: Iterable[float], middle: float = 0.0) -> ColourScale:
    """A scale that is symmetric about the middle and contains all values."""
    farthest = max((abs(value - middle) for value in values if not math.isnan(value)), default=0.0)
    return ColourScale(middle - farthest, middle + farthest, middle)


def missing_cell(status: str) -> HeatCell:
    """The cell for a missing number: failed, or not measured."""
    has_failed = status.startswith("failed")
    return HeatCell("failed" if has_failed else MISSING, status if has_failed else "not measured")
