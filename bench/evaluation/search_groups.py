"""Which attacks one search serves: those that differ in their steps alone, or in their restarts alone."""

from collections.abc import Iterable, Sequence

from bench.attacks.nested_search import Effort
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.corrupted_attack import Union
from bench.evaluation.conditions.expand import Condition


def group_by_search(condition: Condition, others: Iterable[Condition]) -> list[Condition]:
    """The condition and those of the others that one search serves as well, the longest first."""
    longest = max([condition, *(other for other in others if _passes_through(other, condition))], key=_length)
    return [longest, *dict.fromkeys(c for c in (condition, *others) if c != longest and _passes_through(longest, c))]


def shorter(conditions: Sequence[Condition]) -> list[Effort]:
    """Steps and restarts of all but the first."""
    return [c.attack.effort for c in conditions[1:] if isinstance(c, Attacked | Union) and c.attack.effort]


def _length(condition: Condition) -> int:
    effort = condition.attack.effort if isinstance(condition, Attacked | Union) else None
    return effort[0] * effort[1] if effort else 0


def _passes_through(long: Condition, short: Condition) -> bool:
    if isinstance(long, Union) and isinstance(short, Union):
        return long.corrupted == short.corrupted and _passes_through(long.attacked, short.attacked)
    if not (isinstance(long, Attacked) and isinstance(short, Attacked) and long.attack.effort and short.attack.effort):
        return False
    (steps, restarts), (fewer, tries) = long.attack.effort, short.attack.effort
    eps = long.threat.eps
    alike = long.threat == short.threat and long.attack.besides(eps) == short.attack.besides(eps)
    return alike and ((tries == 1 and fewer <= steps) or (fewer == steps and tries <= restarts))
