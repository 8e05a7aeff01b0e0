"""One measurement of ours, as the rows of its seeds have it."""

import math
from collections.abc import Mapping, Sequence
from statistics import stdev
from typing import Any, NamedTuple

import pandas as pd

from bench.core.files import Bits
from bench.core.stats import wilson
from bench.report.accuracy import Estimate, mean_over_seeds

Record = dict[str, Any]


class Measurement(NamedTuple):
    """One measurement: of one seed with the interval of its images, of several their mean and standard deviation.

    In the unit of the printed number: percent, but for scores, squared gradients, cosines and seconds.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seeds: int = 0
    n: int = 0
    status: str = "missing"  # ok | missing | failed: reason
    each: tuple[float, ...] = ()
    bits: tuple[Bits, ...] = ()  # by seed, where it is an accuracy

    @property
    def known(self) -> bool:
        return self.status == "ok"

    @property
    def half(self) -> float:
        """The wider side of the interval, or the standard deviation over seeds."""
        return max(self.high - self.value, self.value - self.low)


NOTHING = Measurement()


def latest(rows: Sequence[Record]) -> list[Record]:
    """One row a severity, the one stored last."""
    return list({str(r["severity"]): r for r in rows}.values())  # where there is none it is NaN, which equals nothing


def several(rows: Sequence[Record]) -> bool:
    """Whether rows of one treatment are of several settings, or of two trainings with one seed; no mean is of both."""
    settings = {(str(r["severity"]), r["params"]) for r in rows}
    trained = {(r["seed"], r["run"]) for r in rows}
    return any(len(pairs) > len({first for first, _ in pairs}) for pairs in (settings, trained))


def failure(rows: Sequence[Record]) -> str:
    return next((r["status"] for r in rows if r["status"] != "ok"), "")


def accuracy(rows: Sequence[Record], outcomes: Mapping[str, Bits]) -> Measurement:
    """Of rows of one treatment, one a seed."""
    if several(rows):
        return NOTHING
    last = {r["run"]: r for r in rows}
    ok = [r for r in last.values() if r["status"] == "ok"]
    found = [Estimate(100 * r["value"], *(100 * end for end in wilson(round(r["value"] * r["n"]), r["n"]))) for r in ok]
    bits = tuple(outcomes[r["key"]] for r in ok if r["key"] in outcomes)
    ours = combine_seeds(found, max((r["n"] for r in ok), default=0), failure([*last.values()]))
    return ours._replace(bits=bits if len(bits) == len(ok) else ())


def standard_deviation(ours: Measurement, kind: str) -> Measurement:
    """The standard deviation over seeds in the place of the mean, if that was printed."""
    if kind != "spread" or not ours.known:
        return ours
    return ours._replace(value=stdev(ours.each), low=math.nan, high=math.nan, bits=()) if ours.seeds > 1 else NOTHING


def mean(rows: Sequence[Record]) -> Measurement:
    if several(rows) or len({r["run"] for r in rows}) < len(rows):
        return NOTHING  # a run has two where it was judged on two numbers of images
    ok = [r for r in rows if r["status"] == "ok" and not pd.isna(r["value"])]
    return combine_seeds(
        [Estimate(r["value"], math.nan, math.nan) for r in ok], max((r["n"] for r in ok), default=0), failure(rows)
    )


def combine_seeds(seeds: Sequence[Estimate], n: int, failure: str) -> Measurement:
    """A mean over the seeds that happened to work would hide a failure."""
    if failure or not seeds:
        return NOTHING._replace(status=failure or "missing")
    values = tuple(seed.value for seed in seeds)
    if len(values) == 1:
        return Measurement(*seeds[0], 1, n, "ok", values)
    mean = mean_over_seeds(values)
    return Measurement(mean.value, mean.low, mean.high, len(values), n, "ok", values)
