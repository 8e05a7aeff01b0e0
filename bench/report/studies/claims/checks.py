"""Checks of claims: comparisons of measured numbers, and whether differences are significant."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from bench.core.stats import Z_95

MAX_EQUAL_DIFFERENCE = 0.05  # largest difference of accuracies that are "about equal"
MAX_NEAR_ZERO = 0.05  # largest accuracy that is "near 0"
VERDICTS = ("held", "held, in part within chance", "not held, within chance", "not held", "not measured")


@dataclass(frozen=True)
class Value:
    """A measured number: its name and its value (NaN if it is missing)."""

    name: str
    number: float
    n: int = 0  # of how many images it is a share; 0 if it is none
    is_score: bool = False  # whether it is accuracy over clean accuracy, which is printed as a fraction

    def __str__(self) -> str:
        if math.isnan(self.number):
            return f"{self.name} not measured"
        in_percent = self.n and not self.is_score
        return f"{self.name} {100 * self.number:.1f}" if in_percent else f"{self.name} {self.number:.3g}"


@dataclass(frozen=True)
class NumberComparison:
    """The statement that one number is above another, or similar."""

    text: str
    holds: bool
    is_measured: bool
    is_significant: bool = (
        True  # whether the difference is significant (5 %, unpaired); True where a number is no share of images
    )


def is_greater(a: Value, b: Value, by: float = 0.0) -> NumberComparison:
    """a > b + by."""
    return NumberComparison(
        f"{a} > {b}{_margin_text(by)}", a.number - b.number > by, _are_measured(a, b), _is_significant(a, b)
    )


def is_at_most(a: Value, b: Value) -> NumberComparison:
    """a <= b."""
    return NumberComparison(f"{a} <= {b}", a.number <= b.number, _are_measured(a, b), _is_significant(a, b))


def is_about_equal(a: Value, b: Value) -> NumberComparison:
    """a and b differ by at most MAX_EQUAL_DIFFERENCE."""
    return NumberComparison(f"{a} ~ {b}", abs(a.number - b.number) <= MAX_EQUAL_DIFFERENCE, _are_measured(a, b))


def is_greater_than_multiple(a: Value, b: Value, factor: float) -> NumberComparison:
    """a > factor * b."""
    return NumberComparison(
        f"{a} > {factor:g} x {b}" if factor != 1 else f"{a} > {b}", a.number > factor * b.number, _are_measured(a, b)
    )


def has_smaller_gap(first: Value, second: Value, other_first: Value, other_second: Value) -> NumberComparison:
    """The first model loses less from its first to its second number than the other model does."""
    values = (first, second, other_first, other_second)
    gap, other = first.number - second.number, other_first.number - other_second.number
    text = f"{first} to {second} is a smaller gap than {other_first} to {other_second}"
    is_significant = True
    if _are_measured(*values) and all(value.n for value in values):
        spread = math.sqrt(sum(value.number * (1 - value.number) / value.n for value in values))
        is_significant = abs(gap - other) > Z_95 * spread
    return NumberComparison(text, gap < other, _are_measured(*values), is_significant)


def is_near_zero(a: Value) -> NumberComparison:
    """a is at most MAX_NEAR_ZERO."""
    return NumberComparison(f"{a} <= {100 * MAX_NEAR_ZERO:g}", a.number <= MAX_NEAR_ZERO, _are_measured(a))


def _are_measured(*values: Value) -> bool:
    return not any(math.isnan(value.number) for value in values)


def _margin_text(by: float) -> str:
    return f" + {100 * by:g}" if by else ""


def _is_significant(a: Value, b: Value) -> bool:
    if not (a.n and b.n and _are_measured(a, b)):
        return True
    p = min((a.number * a.n + b.number * b.n) / (a.n + b.n), 1.0)  # scores of corruptions may be above 1
    return abs(a.number - b.number) > Z_95 * math.sqrt(p * (1 - p) * (1 / a.n + 1 / b.n))


def verdict(comparisons: list[NumberComparison]) -> str:
    """The verdict on a claim: held if all comparisons hold; the text says if differences are within chance."""
    measured = [comparison for comparison in comparisons if comparison.is_measured]
    if against := [comparison for comparison in measured if not comparison.holds]:
        return "not held" if any(comparison.is_significant for comparison in against) else "not held, within chance"
    if len(measured) < len(comparisons):
        return "not measured"
    return "held" if all(comparison.is_significant for comparison in comparisons) else "held, in part within chance"


def mark(comparison: NumberComparison) -> str:
    """yes, no or not measured, for a list of comparisons."""
    if not comparison.is_measured:
        return "not measured"
    return ("yes" if comparison.holds else "no") + ("" if comparison.is_significant else " (within chance)")


class Finding(NamedTuple):
    """A claim, and the comparisons that check it."""

    claim: str
    comparisons: list[NumberComparison]


def count_verdicts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many claims have each verdict, in the order of VERDICTS; verdicts that no claim has are left out."""
    counts = Counter(verdict(finding.comparisons) for finding in findings)
    return {word: counts[word] for word in sorted(counts, key=VERDICTS.index)}
