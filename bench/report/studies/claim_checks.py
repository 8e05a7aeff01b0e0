"""Checks of claims: comparisons of measured numbers, and whether differences are significant."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from bench.core.stats import Z_95
from bench.report.studies.measurement import Record

MAX_EQUAL_DIFFERENCE = 0.05  # largest difference of accuracies that are "about equal"
MAX_NEAR_ZERO = 0.05  # largest accuracy that is "near 0"

RADIUS_TOLERANCE = 1e-6  # radii that differ by less are equal
SEVERITY_COUNT = 5  # number of severities that the score of a corruption averages


@dataclass(frozen=True)
class Value:
    """A measured number: its name, its value (NaN if it is missing), and over how many images (0: not a share)."""

    name: str
    number: float
    n: int = 0

    def __str__(self) -> str:
        if math.isnan(self.number):
            return f"{self.name} not measured"
        return f"{self.name} {100 * self.number:.1f}" if self.n else f"{self.name} {self.number:.3g}"


@dataclass(frozen=True)
class Comparison:
    """The statement that one number is above another, or similar."""

    text: str
    holds: bool
    measured: bool
    sure: bool = True  # whether the difference is significant (5 %, unpaired); True where no images are counted


def above(a: Value, b: Value, by: float = 0.0) -> Comparison:
    """a > b + by."""
    return Comparison(
        f"{a} > {b}{_margin_text(by)}", a.number - b.number > by, _are_measured(a, b), _is_significant(a, b)
    )


def no_more(a: Value, b: Value) -> Comparison:
    """a <= b."""
    return Comparison(f"{a} <= {b}", a.number <= b.number, _are_measured(a, b), _is_significant(a, b))


def alike(a: Value, b: Value) -> Comparison:
    """a and b differ by at most MAX_EQUAL_DIFFERENCE."""
    return Comparison(f"{a} ~ {b}", abs(a.number - b.number) <= MAX_EQUAL_DIFFERENCE, _are_measured(a, b))


def times(a: Value, b: Value, factor: float) -> Comparison:
    """a > factor * b."""
    return Comparison(
        f"{a} > {factor:g} x {b}" if factor != 1 else f"{a} > {b}", a.number > factor * b.number, _are_measured(a, b)
    )


def smaller_gap(first: Value, second: Value, other_first: Value, other_second: Value) -> Comparison:
    """The first model loses less from its first to its second number than the other model does."""
    values = (first, second, other_first, other_second)
    gap, other = first.number - second.number, other_first.number - other_second.number
    text = f"{first} to {second} is a smaller gap than {other_first} to {other_second}"
    sure = True
    if _are_measured(*values) and all(value.n for value in values):
        spread = math.sqrt(sum(value.number * (1 - value.number) / value.n for value in values))
        sure = abs(gap - other) > Z_95 * spread
    return Comparison(text, gap < other, _are_measured(*values), sure)


def few(a: Value) -> Comparison:
    """a is at most MAX_NEAR_ZERO."""
    return Comparison(f"{a} <= {100 * MAX_NEAR_ZERO:g}", a.number <= MAX_NEAR_ZERO, _are_measured(a))


def _are_measured(*values: Value) -> bool:
    return not any(math.isnan(value.number) for value in values)


def _margin_text(by: float) -> str:
    return f" + {100 * by:g}" if by else ""


def _is_significant(a: Value, b: Value) -> bool:
    if not (a.n and b.n and _are_measured(a, b)):
        return True
    p = (a.number * a.n + b.number * b.n) / (a.n + b.n)
    return abs(a.number - b.number) > Z_95 * math.sqrt(p * (1 - p) * (1 / a.n + 1 / b.n))


def verdict(comparisons: list[Comparison]) -> str:
    """The verdict on a claim: held if all comparisons hold; the text says if differences are within chance."""
    measured = [comparison for comparison in comparisons if comparison.measured]
    if against := [comparison for comparison in measured if not comparison.holds]:
        return "not held" if any(comparison.sure for comparison in against) else "not held, within chance"
    if len(measured) < len(comparisons):
        return "not measured"
    return "held" if all(comparison.sure for comparison in comparisons) else "held, in part within chance"


def mark(comparison: Comparison) -> str:
    """yes, no or not measured, for a list of comparisons."""
    if not comparison.measured:
        return "not measured"
    return ("yes" if comparison.holds else "no") + ("" if comparison.sure else " (within chance)")


class Finding(NamedTuple):
    """A claim, and the comparisons that check it."""

    claim: str
    comparisons: list[Comparison]


class Reader:
    """Looks up measured numbers at one radius: means over seeds, of the last epoch."""

    def __init__(self, rows: pd.DataFrame, eps: float) -> None:
        """rows: of one data set, network and budget. eps: in [0, 1] pixel units."""
        self.eps = eps
        shown = rows[(rows["status"] == "ok") & (rows["epoch"] == "last") & rows["value"].notna()]
        self._rows: dict[tuple[str, str], list[Record]] = {}  # by recipe and view: a page of claims looks up hundreds
        records: list[Record] = shown.to_dict("records")  # type: ignore[assignment]  # its keys are text
        for record in records:
            self._rows.setdefault((record["recipe"], record["view"]), []).append(record)

    @property
    def corruptions(self) -> list[str]:
        """The corruptions that were measured; if there are none, a placeholder, whose numbers are all missing."""
        records = (record for part in self._rows.values() for record in part)
        names = dict.fromkeys(record["name"] for record in records if record["kind"] == "corruption")
        return [*names] or ["corruptions"]

    def __call__(
        self,
        recipe: str,
        attack: str = "",
        *,
        view: str = "main",
        gradient: str = "",
        corruption: str = "",
        source: str = "",
        other_network: bool = False,
        radius: float = 1.0,
        is_score: bool = False,
    ) -> Value:
        """Look up one number: clean accuracy, accuracy under an attack, or the score of a corruption.

        A score is accuracy over clean accuracy. Numbers that were not measured are NaN.

        Args:
            gradient: all, right or wrong: look up the mean squared gradient norm of these images instead.
            source: the recipe on whose model the images were made (transfer).
            other_network: whether that model is of another architecture.
            radius: radius of the attack as a multiple of `eps`; ignored for attacks without a bound.
            is_score: return the score under the attack instead of the accuracy.
        """
        here = self._rows.get((recipe, view), [])
        if gradient:
            norms = [r for r in here if (r["name"], r["metric"]) == ("gradient", f"mean {gradient}")]
            return Value(f"{recipe} ({gradient})", _mean(norms))
        here = [r for r in here if r["metric"] == "accuracy"]
        if corruption:
            return self._score(recipe, corruption, here)
        here = [r for r in here if r["name"] == attack and _recipe_of(r["source"]) == source]
        if attack:
            here = [r for r in here if abs(r["eps"] - self.eps * radius) < RADIUS_TOLERANCE or math.isinf(r["eps"])]
        if source:
            here = [r for r in here if (_network_of(r["source"]) != r["model"]) == other_network]
        if len({r["params"] for r in here}) > 1:  # different settings, whose mean would mean nothing
            here = []
        at = f" at {radius:g} eps" if radius != 1 and not any(math.isinf(r["eps"]) for r in here) else ""
        by = f" of {source}{' on another network' * other_network}" if source else ""
        name = f"{recipe}{'' if view == 'main' else f' {view}'}{f' under {attack}{at}{by}' if attack else ' clean'}"
        if is_score:
            clean = self(recipe, view=view).number
            return Value(name.replace(" under", " score under"), _mean(here) / clean if clean else math.nan)
        return Value(name, _mean(here), sum(r["n"] for r in here))

    def _score(self, recipe: str, corruption: str, accuracies: Sequence[Record]) -> Value:
        damaged = [r for r in accuracies if (r["kind"], r["name"]) == ("corruption", corruption)]
        clean = _mean([r for r in accuracies if r["kind"] == "clean"])
        is_whole = clean and len({r["severity"] for r in damaged}) == SEVERITY_COUNT
        return Value(f"{recipe} score under {corruption}", _mean(damaged) / clean if is_whole else math.nan)


def _mean(records: Sequence[Record]) -> float:
    return math.fsum(record["value"] for record in records) / len(records) if records else math.nan


def _network_of(source: str) -> str:
    """The architecture in a source `data set/network/recipe/run`; empty for white-box images."""
    return source.split("/")[1] if source.count("/") > 2 else ""


def _recipe_of(source: str) -> str:
    """The recipe in a source `data set/network/recipe/run`; empty for white-box images."""
    return source.split("/")[2] if source.count("/") > 2 else ""
