"""Limits of axes of percentages, fitted to what is drawn."""

import math
from collections.abc import Iterable

ROOM = 0.06  # of the range, beside what is drawn
LEAST = 5.0  # percentage points that an axis has at least


def limits_from_zero(values: Iterable[float], room: float = ROOM) -> tuple[float, float]:
    """From 0 to a little beyond the highest of these percentages; those that are NaN do not count."""
    highest = max((value for value in values if math.isfinite(value)), default=100.0)
    return 0.0, max(LEAST, highest) * (1 + room)


def fitted_limits(values: Iterable[float], room: float = ROOM) -> tuple[float, float]:
    """From a little below the lowest of these percentages to a little above the highest, within 0 and 102."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 100.0]
    low, high = min(known), max(known)
    beside = max(LEAST - (high - low), 0.0) / 2 + room * (high - low)
    return max(0.0, low - beside), min(102.0, high + beside)
