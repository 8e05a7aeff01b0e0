"""Comparisons of measured numbers: whether one is above another, and by more than chance."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

ALIKE = 0.05  # accuracies "about as strong" as one another are within five points
FEW = 0.05  # an accuracy "near 0"

Measured = Callable[..., "Value"]


@dataclass(frozen=True)
class Value:
    """A measured number: its name, its value (NaN where it is missing), the images it is of."""

    name: str
    number: float
    n: int = 0

    def __str__(self) -> str:
        if math.isnan(self.number):
            return f"{self.name} not measured"
        return f"{self.name} {100 * self.number:.1f}" if self.n else f"{self.name} {self.number:.3g}"


@dataclass(frozen=True)
class Comparison:
    """That one number is above another."""

    text: str
    holds: bool
    measured: bool
    sure: bool = True  # the difference is more than chance makes of that many images (5 %, unpaired)


def above(a: Value, b: Value, by: float = 0.0) -> Comparison:
    """a > b, by more than so much."""
    return Comparison(f"{a} > {b}{_by(by)}", a.number - b.number > by, _known(a, b), _sure(a, b))


def no_more(a: Value, b: Value) -> Comparison:
    return Comparison(f"{a} <= {b}", a.number <= b.number, _known(a, b), _sure(a, b))


def alike(a: Value, b: Value) -> Comparison:
    return Comparison(f"{a} ~ {b}", abs(a.number - b.number) <= ALIKE, _known(a, b))


def times(a: Value, b: Value, factor: float) -> Comparison:
    return Comparison(
        f"{a} > {factor:g} x {b}" if factor != 1 else f"{a} > {b}", a.number > factor * b.number, _known(a, b)
    )


def few(a: Value) -> Comparison:
    return Comparison(f"{a} <= {100 * FEW:g}", a.number <= FEW, _known(a))


def _known(*values: Value) -> bool:
    return not any(math.isnan(value.number) for value in values)


def _by(by: float) -> str:
    return f" + {100 * by:g}" if by else ""


def _sure(a: Value, b: Value) -> bool:
    if not (a.n and b.n and _known(a, b)):
        return True
    p = (a.number * a.n + b.number * b.n) / (a.n + b.n)
    return abs(a.number - b.number) > 1.96 * math.sqrt(p * (1 - p) * (1 / a.n + 1 / b.n))


def verdict(comparisons: list[Comparison]) -> str:
    """Held if every comparison holds; it says so where no difference, or not every one, is more than chance."""
    measured = [comparison for comparison in comparisons if comparison.measured]
    if against := [comparison for comparison in measured if not comparison.holds]:
        return "not held" if any(comparison.sure for comparison in against) else "not held, within chance"
    if len(measured) < len(comparisons):
        return "not measured"
    return "held" if all(comparison.sure for comparison in comparisons) else "held, in part within chance"


def mark(comparison: Comparison) -> str:
    if not comparison.measured:
        return "not measured"
    return ("yes" if comparison.holds else "no") + ("" if comparison.sure else " (within chance)")


def reader(rows: pd.DataFrame) -> Measured:
    """Looks numbers up; the mean over seeds, last epoch."""
    known = rows[(rows["status"] == "ok") & (rows["epoch"] == "last") & rows["value"].notna()]

    def read(recipe: str, attack: str = "", *, view: str = "main", gradient: str = "") -> Value:
        here = known[(known["recipe"] == recipe) & (known["view"] == view)]
        if gradient:
            here = here[(here["name"] == "gradient") & (here["metric"] == f"mean {gradient}")]
            return Value(f"{recipe} ({gradient})", here["value"].mean())
        here = here[(here["metric"] == "accuracy") & (here["name"] == attack) & (here["source"] == "")]
        if here["params"].nunique() > 1:  # their mean would be a number of neither
            here = here.head(0)
        name = f"{recipe}{'' if view == 'main' else f' {view}'}{f' under {attack}' if attack else ' clean'}"
        return Value(name, here["value"].mean(), int(here["n"].sum()))

    return read
