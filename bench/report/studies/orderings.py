"""Compares the order of any two lines of a column with the printed order, with a significance test."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import pandas as pd

from bench.core.stats import mcnemar_over_seeds, paired_bootstrap
from bench.report.studies.ledger import Entry
from bench.report.studies.measurement import Measurement
from bench.report.studies.setup import TrainingSetup

SIGNIFICANCE = 0.05  # significance level


@dataclass(frozen=True)
class PairOrder:
    """Two lines of one column, of which `above` is printed higher. p: of `mcnemar_over_seeds` for ours."""

    item: str
    column: str
    above: str
    below: str
    printed: float  # printed difference
    ours: float  # our difference
    low: float  # its 95 % interval by paired bootstrap over the images; of several seeds, of their means
    high: float
    p: float

    @property
    def same(self) -> bool:
        return self.ours > 0

    @property
    def sure(self) -> bool:
        return self.p < SIGNIFICANCE


def orders(ledger: Sequence[Entry]) -> Iterator[PairOrder]:
    """All pairs of lines of a column with different printed numbers, measured here on one data set and architecture."""
    columns: dict[tuple[str, str, TrainingSetup], list[Entry]] = {}
    for entry in ledger:
        kind = entry.number.reading.kind
        if kind in ("accuracy", "score", "gradient") and entry.number.text and entry.ours.is_measured:
            where = entry.number.where.without_normaliser
            columns.setdefault((entry.table.name, entry.number.column, where), []).append(entry)
    for (item, column, _), part in columns.items():
        for pair in combinations(part, 2):
            low, high = sorted(pair, key=lambda e: e.number.printed_value)
            if low.number.printed_value < high.number.printed_value and low.number.model != high.number.model:
                apart = high.number.printed_value - low.number.printed_value, high.ours.value - low.ours.value
                names = " ".join(filter(None, high.number.line)), " ".join(filter(None, low.number.line))
                yield PairOrder(
                    item,
                    column,
                    *names,
                    *apart,
                    *_interval(high.ours, low.ours),
                    mcnemar_over_seeds(high.ours.bits, low.ours.bits),
                )


def comparison_table(found: Iterable[PairOrder]) -> pd.DataFrame:
    """The comparisons as a table with every digit."""
    return pd.DataFrame([asdict(order) | {"same": order.same, "sure": order.sure} for order in found])


def _interval(one: Measurement, other: Measurement) -> tuple[float, float]:
    """95 % interval of the difference in points; NaN without outcomes on the same images."""
    sizes = {len(bits) for bits in (*one.bits, *other.bits)}
    if not one.bits or not other.bits or len(sizes) > 1:
        return math.nan, math.nan
    low, high = paired_bootstrap(one.bits, other.bits)
    return 100 * low, 100 * high
