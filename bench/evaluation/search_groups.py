"""Group attacks that differ in steps or restarts only: the shorter ones are prefixes of one search."""

import math
from collections.abc import Iterable, Sequence

from bench.attacks.searches.nested_search import Effort
from bench.evaluation.conditions.base import Condition


def group_by_search(condition: Condition, others: Iterable[Condition]) -> list[Condition]:
    """The condition and the others whose attacks are prefixes of the same search, the longest first."""
    longest = max([condition, *(other for other in others if other.includes(condition))], key=_length)
    return [longest, *dict.fromkeys(c for c in (condition, *others) if c != longest and longest.includes(c))]


def shorter_efforts(conditions: Sequence[Condition]) -> list[Effort]:
    """(steps, restarts) of all conditions but the first."""
    return [condition.effort for condition in conditions[1:] if condition.effort]


def _length(condition: Condition) -> int:
    return math.prod(condition.effort) if condition.effort else 0
