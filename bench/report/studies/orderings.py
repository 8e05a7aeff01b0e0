"""Whether two lines of one column come out in the printed order, and whether that is chance."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import pandas as pd

from bench.core.stats import mcnemar_over_seeds, paired_bootstrap
from bench.report.studies.ledger import Entry
from bench.report.studies.measurement import Measurement
from bench.report.studies.setup import TrainingSetup

SURE = 0.05


@dataclass(frozen=True)
class Order:
    """Two lines of one column, the first printed higher, and how far apart ours are. p: as of `mcnemar_over_seeds`."""

    item: str
    column: str
    above: str
    below: str
    printed: float  # by how much
    ours: float
    low: float  # its 95 % interval, by paired bootstrap over the images, of several seeds of their mean
    high: float
    p: float

    @property
    def same(self) -> bool:
        return self.ours > 0

    @property
    def sure(self) -> bool:
        return self.p < SURE


def orders(ledger: Sequence[Entry]) -> Iterator[Order]:
    """Every two lines of a column that are printed apart and both known here, on the same data set and network."""
    columns: dict[tuple[str, str, TrainingSetup], list[Entry]] = {}
    for entry in ledger:
        kind = entry.number.reading.kind
        if kind in ("accuracy", "score", "gradient") and entry.number.text and entry.ours.known:
            where = entry.number.where.without_normaliser
            columns.setdefault((entry.table.name, entry.number.column, where), []).append(entry)
    for (item, column, _), part in columns.items():
        for pair in combinations(part, 2):
            low, high = sorted(pair, key=lambda e: e.number.printed)
            if low.number.printed < high.number.printed and low.number.model != high.number.model:
                apart = high.number.printed - low.number.printed, high.ours.value - low.ours.value
                names = " ".join(filter(None, high.number.line)), " ".join(filter(None, low.number.line))
                yield Order(
                    item,
                    column,
                    *names,
                    *apart,
                    *_interval(high.ours, low.ours),
                    mcnemar_over_seeds(high.ours.bits, low.ours.bits),
                )


def comparison_table(found: Iterable[Order]) -> pd.DataFrame:
    """The comparisons, every digit."""
    return pd.DataFrame([asdict(order) | {"same": order.same, "sure": order.sure} for order in found])


def _interval(one: Measurement, other: Measurement) -> tuple[float, float]:
    """In points; NaN where there are no outcomes on the same images."""
    sizes = {len(bits) for bits in (*one.bits, *other.bits)}
    if not one.bits or not other.bits or len(sizes) > 1:
        return math.nan, math.nan
    low, high = paired_bootstrap(one.bits, other.bits)
    return 100 * low, 100 * high
