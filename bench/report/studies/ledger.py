"""The ledger: each printed number of a paper with the number measured here, and its status."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bench.core.stats import wilson
from bench.report.accuracy import Estimate
from bench.report.corruptions.scores import mark
from bench.report.labels import STANDARD_RECIPE
from bench.report.studies.lookup import Lookup, published_accuracy
from bench.report.studies.measurement import NOT_MEASURED, Measurement
from bench.report.studies.printed_number import Number
from bench.report.studies.scales import TEST_IMAGES
from bench.report.studies.setup import TrainingSetup

NOT_RUN = "not run at this budget"
REPRODUCED = "reproduced"
NOT_AUTOATTACK = "printed number is not AutoAttack"
SMALLER_SCALE = "measured at a smaller scale"
ACCURACY_TOLERANCE = 1.0  # points; accuracies that differ by no more count as equal: another seed may do as much
TOLERANCES = {"score": 0.02, "cosine": 0.05, "mean": ACCURACY_TOLERANCE, "accuracy": ACCURACY_TOLERANCE}
FACTOR_TOLERANCE = 2.0  # squared gradients and seconds count as reproduced within this factor
UNITS = {"accuracy": "%", "mean": "%", "spread": "%", "score": "A/A clean", "seconds": "s"}


class PrintedTable(Protocol):
    """The parts of a printed table that a ledger uses."""

    @property
    def name(self) -> str:
        """Its name in the paper."""

    @property
    def heads(self) -> list[str]:
        """Heads of the columns that name a line."""

    @property
    def numbers(self) -> list[Number]:
        """Its numbers in the order of the table."""


@dataclass(frozen=True)
class Entry:
    """One printed number, and what was measured for it."""

    table: PrintedTable
    number: Number
    ours: Measurement
    any_iterate: Measurement
    autoattack: Measurement
    published: float  # AutoAttack accuracy that others measured of the same recipe at the paper's scale
    papers: bool  # whether ours was trained at the paper's own scale
    mark: str = ""  # "+" or "-": ours is above or below that of the standard model, in tables that print these signs

    @property
    def difference(self) -> float:
        return self.ours.value - self.number.printed_value

    @property
    def status(self) -> str:
        """The status: reproduced, above, short, ..., or why there is none.

        Reproduced means that the difference is within both intervals. At a smaller scale numbers are not compared; only
        an accuracy clearly above that under AutoAttack is reported, as its attack is too weak.
        """
        ours, number, kind = self.ours, self.number, self.number.reading.kind
        if ours.status not in ("ok", "missing"):
            return ours.status
        if not ours.is_measured:
            return NOT_RUN
        if not number.text:
            return "nothing printed"
        tolerance = max(TOLERANCES.get(kind, ACCURACY_TOLERANCE), 0.0 if math.isnan(ours.half) else ours.half)
        if not self.papers:
            weak = self.autoattack.is_measured and self.autoattack.value < ours.value - tolerance
            return NOT_AUTOATTACK if weak else SMALLER_SCALE
        if kind in ("gradient", "seconds"):
            return _ratio(ours.value, number.printed_value)
        if kind in ("cosine", "spread"):
            off = abs(self.difference)
            return REPRODUCED if off <= TOLERANCES.get(kind, ACCURACY_TOLERANCE) else f"off by {off:.2f}"
        if self._is_apart:
            word, size = "above" if self.difference > 0 else "short", abs(self.difference)
            return f"{word} by {size:.2f}" if kind == "score" else f"{word} by {size:.1f}"
        if self.autoattack.is_measured and self.autoattack.value < number.printed_value - tolerance:
            return NOT_AUTOATTACK
        return REPRODUCED

    @property
    def _is_apart(self) -> bool:
        """Whether ours differs by its tolerance, and its interval does not overlap that of the printed number."""
        low, high = printed_interval(self.number)
        above = (self.ours.value if math.isnan(self.ours.low) else self.ours.low) > high
        below = (self.ours.value if math.isnan(self.ours.high) else self.ours.high) < low
        return (above or below) and abs(self.difference) > TOLERANCES.get(self.number.reading.kind, ACCURACY_TOLERANCE)

    @property
    def place(self) -> str:
        return ", ".join(filter(None, [*self.number.line, self.number.column]))


def entries(table: PrintedTable, finder: Lookup, paper_setup: TrainingSetup | None) -> list[Entry]:
    """The ledger of a table, in its order. paper_setup: the setup that a smaller scale stands in for (see `Item`)."""
    found = []
    for number in table.numbers:
        ours = finder.ours(number, paper_setup)
        beside = finder.beside(number, paper_setup)
        found.append(Entry(table, number, ours, *beside, published_accuracy(number), finder.scale.papers))
    return add_signs(found) if any(number.mark for number in table.numbers) else found


def printed_interval(number: Number) -> tuple[float, float]:
    """The 95 % interval of a printed accuracy over its data set's test images; other numbers have no width."""
    tested = TEST_IMAGES.get(number.where.dataset)
    if number.reading.kind not in ("accuracy", "mean") or tested is None:
        return number.printed_value, number.printed_value
    low, high = wilson(round(number.printed_value / 100 * tested), tested)
    return 100 * low, 100 * high


def add_signs(ledger: Sequence[Entry]) -> list[Entry]:
    """Add M-TLAT's signs: + or - if ours is above or below the standard model by more than their intervals explain."""
    standard = {
        (entry.number.column, entry.number.where): entry.ours
        for entry in ledger
        if entry.number.recipe == STANDARD_RECIPE and entry.ours.is_measured
    }
    found = []
    for entry in ledger:
        base = standard.get((entry.number.column, entry.number.where), NOT_MEASURED)
        digits = 2 if entry.number.reading.kind == "score" else 1  # that tables have
        found.append(replace(entry, mark=mark(Estimate(*entry.ours[:3]), Estimate(*base[:3]), digits)))
    return found


def counts(ledger: Sequence[Entry]) -> dict[str, int]:
    """Number of entries by status, without the amounts in it."""
    return dict(Counter(kind_of(entry.status) for entry in ledger))


def kind_of(status: str) -> str:
    """A status without its amount or reason."""
    for word in ("above", "short", "off", "failed"):
        if status.startswith(word):
            return word
    return status


def _ratio(ours: float, theirs: float) -> str:
    if ours <= 0 or theirs <= 0:
        return REPRODUCED if ours == theirs else "off: one of them is 0"
    factor = max(ours / theirs, theirs / ours)
    return REPRODUCED if factor <= FACTOR_TOLERANCE else f"off by a factor of {factor:.3g}"
