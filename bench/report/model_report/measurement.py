"""One measurement of a model, in the terms of its report."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from bench.core.parsing import RADIUS_DECIMALS, format_radius, split_last
from bench.core.stats import wilson
from bench.results.kinds import ATTACK, SWEEP


class Share(NamedTuple):
    """A number of n images, with its share and 95 % Wilson interval in percent."""

    right: int
    n: int

    @property
    def percent(self) -> float:
        return 100 * self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        low, high = wilson(self.right, self.n)
        return 100 * low, 100 * high

    @property
    def spread(self) -> float:
        """The wider side of the interval, in points."""
        low, high = self.interval
        return max(high - self.percent, self.percent - low)


class Ball(NamedTuple):
    """A threat model: the norm ball that an attack stays in."""

    norm: str
    eps: float

    def __str__(self) -> str:
        return f"{self.norm} {format_radius(self.eps)}" if math.isfinite(self.eps) else f"{self.norm}, any distance"


class MeasuredCondition(NamedTuple):
    """One row, in the terms of the report."""

    column: str  # its title in tables
    kind: str
    name: str
    ball: Ball | None
    severity: int
    source: str
    params: str
    share: Share | None  # None where it failed
    failure: str
    verdict: str
    key: str

    @property
    def title(self) -> str:
        """Its name in a sentence."""
        return self.column.removesuffix(" sweep")

    @property
    def counts(self) -> bool:
        """Whether it is a white-box attack scored on any iterate, and so counts for the worst accuracy."""
        return self.kind in (ATTACK, SWEEP) and not self.source and not split_last(self.name)[1]


class Worst(NamedTuple):
    """The images that are right when clean and under every attack in one ball, and the attacks that this is of."""

    share: Share | None  # None if it is not known
    attacks: tuple[str, ...]
    failed: tuple[MeasuredCondition, ...]


def measurement_of(row: Mapping[Any, Any]) -> MeasuredCondition:
    """From a row of `results.load()` and its column `column`."""
    value, n, severity = row["value"], int(row["n"]), row["severity"]
    known = not pd.isna(value)
    return MeasuredCondition(
        row["column"],
        row["kind"],
        row["name"],
        Ball(row["norm"], round(float(row["eps"]), RADIUS_DECIMALS)) if row["norm"] else None,
        0 if pd.isna(severity) else int(severity),
        row["source"],
        row["params"],
        Share(round(value * n), n) if known else None,
        "" if known else str(row["status"]).removeprefix("failed: "),
        row["verdict"],
        row["key"],
    )
