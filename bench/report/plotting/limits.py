"""Limits of axes of percentages, fitted to the data."""

import math
from collections.abc import Iterable

MARGIN_SHARE = 0.06  # space beside the data, as a share of its range
MIN_RANGE = 5.0  # least range of an axis in percentage points


def limits_from_zero(values: Iterable[float], room: float = MARGIN_SHARE) -> tuple[float, float]:
    """Limits from 0 to a little above the highest of these percentages, without NaN."""
    highest = max((value for value in values if math.isfinite(value)), default=100.0)
    return 0.0, max(MIN_RANGE, highest) * (1 + room)


def fitted_limits(values: Iterable[float], room: float = MARGIN_SHARE) -> tuple[float, float]:
    """Limits from a little below the lowest to a little above the highest percentage, within 0 and 102."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 100.0]
    low, high = min(known), max(known)
    beside = max(MIN_RANGE - (high - low), 0.0) / 2 + room * (high - low)
    return max(0.0, low - beside), min(102.0, high + beside)
