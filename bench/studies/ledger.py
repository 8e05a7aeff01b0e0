"""What became of a paper's printed numbers: a line each, and the comparisons between them."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from bench import numbers
from bench.papers import printed
from bench.stats import mcnemar, paired_bootstrap
from bench.studies.found import Finder
from bench.studies.items import Where
from bench.studies.numbers import Number
from bench.studies.ours import Ours
from bench.studies.tables import DATASETS, MODELS, Table

NOT_RUN = "not run at this budget"
REPRODUCED = "reproduced"
NOT_AUTOATTACK = "printed number is not AutoAttack"
SMALLER = "measured at a smaller scale"
POINTS = 1.0  # two accuracies this close are one number: what another seed or another machine makes of it
CLOSE = {"score": 0.02, "cosine": 0.05, "mean": POINTS, "accuracy": POINTS}
RESAMPLES = 2000  # a table may have a hundred pairs of lines
FACTOR = 2.0  # squared gradients and seconds count as reproduced within this factor
UNITS = {"accuracy": "%", "mean": "%", "spread": "%", "score": "A/A clean", "seconds": "s"}


@dataclass(frozen=True)
class Entry:
    """One printed number, and ours."""

    table: Table
    number: Number
    ours: Ours
    any_iterate: Ours
    autoattack: Ours
    published: float  # AutoAttack accuracy that others measured of the same recipe at the paper's scale
    papers: bool  # whether ours is of the paper's own scale

    @property
    def difference(self) -> float:
        return self.ours.value - self.number.printed

    @property
    def status(self) -> str:
        """Of numbers that are better when higher, more than the printed one is reproduced too.

        At a smaller scale sizes say nothing, but an attack that leaves more than AutoAttack does is none to go by.
        """
        ours, number, kind = self.ours, self.number, self.number.reading.kind
        if ours.status not in ("ok", "missing"):
            return ours.status
        if not ours.known:
            return NOT_RUN
        if not number.text:
            return "nothing printed"
        slack = max(CLOSE.get(kind, POINTS), 0.0 if math.isnan(ours.half) else ours.half)
        if not self.papers:
            weak = self.autoattack.known and self.autoattack.value < ours.value - slack
            return NOT_AUTOATTACK if weak else SMALLER
        if kind in ("gradient", "seconds"):
            return _ratio(ours.value, number.printed)
        if kind in ("cosine", "spread"):
            off = abs(self.difference)
            return REPRODUCED if off <= CLOSE.get(kind, POINTS) else f"off by {off:.2f}"
        if self.difference < -slack:
            return f"short by {-self.difference:.2f}" if kind == "score" else f"short by {-self.difference:.1f}"
        if self.autoattack.known and self.autoattack.value < number.printed - slack:
            return NOT_AUTOATTACK
        return REPRODUCED

    @property
    def place(self) -> str:
        return ", ".join(filter(None, [*self.number.line, self.number.column]))


@dataclass(frozen=True)
class Order:
    """Two lines of one column, the first printed higher, and how far apart ours are. p: as of `_p`."""

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
        return self.p < 0.05


def entries(table: Table, finder: Finder, stood_for: Where | None) -> list[Entry]:
    """A line for each printed number, in the order of the table. stood_for: by models of a smaller scale."""
    found = []
    for number in table.numbers:
        ours = finder.ours(number, stood_for, table.epoch)
        beside = finder.beside(number, stood_for, table.epoch)
        found.append(Entry(table, number, ours, *beside, _published(number), finder.scale.papers))
    return found


def frame(ledger: Iterable[Entry]) -> pd.DataFrame:
    """For machines: every digit."""
    return pd.DataFrame(
        [
            {
                "item": e.table.name,
                "line": ", ".join(e.number.line),
                "column": e.number.column,
                "recipe": e.number.recipe,
                "view": e.number.view if e.number.recipe else "",
                "source": e.number.source,
                "attack": e.number.reading.attack,
                "unit": UNITS.get(e.number.reading.kind, ""),
                "printed": e.number.text,
                "ours": e.ours.value,
                "low": e.ours.low,
                "high": e.ours.high,
                "seeds": e.ours.seeds,
                "each": " ".join(f"{value!r}" for value in e.ours.each),
                "n": e.ours.n,
                "difference": e.difference,
                "any_iterate": e.any_iterate.value,
                "autoattack": e.autoattack.value,
                "autoattack_low": e.autoattack.low,
                "autoattack_high": e.autoattack.high,
                "autoattack_published": e.published,
                "status": e.status,
            }
            for e in ledger
        ]
    )


def brief(ledger: Iterable[Entry]) -> pd.DataFrame:
    """For people: a line each printed number."""
    return pd.DataFrame(
        [
            {
                "Item": e.table.name,
                "Number": e.place,
                "Printed": e.number.text,
                "Ours": _short(e.ours.value),
                "Difference": _short(e.difference, "+"),
                "AutoAttack": _short(e.autoattack.value),
                "AutoAttack by others": _short(e.published),
                "Status": e.status,
            }
            for e in ledger
            if e.number.text
        ]
    )


def compared(found: Iterable[Order]) -> pd.DataFrame:
    """The comparisons, every digit."""
    return pd.DataFrame([asdict(order) | {"same": order.same, "sure": order.sure} for order in found])


def _short(value: float, sign: str = "") -> str:
    return "\N{EN DASH}" if math.isnan(value) else f"{value:{sign}.4g}"


def counts(ledger: Sequence[Entry]) -> dict[str, int]:
    """How many entries have each status, those that fall short together."""
    return dict(Counter(kind_of(entry.status) for entry in ledger))


def kind_of(status: str) -> str:
    """A status without its number or its reason."""
    for word in ("short", "off", "failed"):
        if status.startswith(word):
            return word
    return status


def orders(ledger: Sequence[Entry]) -> Iterator[Order]:
    """Every two lines of a column that are printed apart and both known here, on the same data set and network."""
    columns: dict[tuple[str, str, Where], list[Entry]] = {}
    for entry in ledger:
        kind = entry.number.reading.kind
        if kind in ("accuracy", "score", "gradient") and entry.number.text and entry.ours.known:
            columns.setdefault((entry.table.name, entry.number.column, entry.number.where), []).append(entry)
    for (item, column, _), part in columns.items():
        for pair in combinations(part, 2):
            low, high = sorted(pair, key=lambda e: e.number.printed)
            if low.number.printed < high.number.printed and low.number.model != high.number.model:
                apart = high.number.printed - low.number.printed, high.ours.value - low.ours.value
                names = " ".join(filter(None, high.number.line)), " ".join(filter(None, low.number.line))
                yield Order(item, column, *names, *apart, *_interval(high.ours, low.ours), _p(high.ours, low.ours))


def _p(one: Ours, other: Ours) -> float:
    """Of McNemar's exact test, the highest over pairs of seeds; NaN where there are no outcomes by image."""
    pairs = [(a, b) for a in one.bits for b in other.bits if len(a) == len(b)]
    return max((mcnemar(int((a & ~b).sum()), int((b & ~a).sum())) for a, b in pairs), default=math.nan)


def _interval(one: Ours, other: Ours) -> tuple[float, float]:
    """In points; NaN where there are no outcomes on the same images."""
    sizes = {len(bits) for bits in (*one.bits, *other.bits)}
    if not one.bits or not other.bits or len(sizes) > 1:
        return math.nan, math.nan
    low, high = paired_bootstrap(np.mean(one.bits, axis=0) - np.mean(other.bits, axis=0), RESAMPLES)
    return 100 * low, 100 * high


def _ratio(ours: float, theirs: float) -> str:
    if ours <= 0 or theirs <= 0:
        return REPRODUCED if ours == theirs else "off: one of them is 0"
    factor = max(ours / theirs, theirs / ours)
    return REPRODUCED if factor <= FACTOR else f"off by a factor of {factor:.3g}"


def _published(number: Number) -> float:
    where, reading = number.where, number.reading
    if reading.kind != "accuracy" or not reading.attack or not number.recipe or number.source:
        return math.nan
    external = printed("external")
    same = (external["recipe"] == number.recipe) & (external["plan"] == where.plan)
    same &= external["attack"].str.startswith("AutoAttack") & (external["metric"] == "robust_acc")
    same &= external["dataset"].map(DATASETS) == where.dataset
    same &= external["architecture"].map(MODELS) == where.model.partition(".")[0]
    same &= (255 * external.loc[same, "epsilon"].map(numbers.number) - reading.eps).abs() < 1e-6
    values = external.loc[same, "value"]
    return float(values.iloc[0]) if len(values) and where.images is None else math.nan
