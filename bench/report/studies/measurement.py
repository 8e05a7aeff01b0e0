"""Our measurement for a printed number, combined from the rows of its seeds."""

import math
from collections.abc import Mapping, Sequence
from statistics import stdev
from typing import Any, NamedTuple

import pandas as pd

from bench.core.files import Bits
from bench.core.stats import wilson
from bench.report.accuracy import Estimate, mean_over_seeds

SEVERITY_COUNT = 5  # of a corruption's score, which is a mean over all severities
Record = dict[str, Any]


class Measurement(NamedTuple):
    """One measurement: of one seed with its 95 % interval over images, of several seeds mean -+ standard deviation.

    Accuracies are in percent; scores, squared gradients, cosines and seconds in the unit of the printed number.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    seeds: int = 0
    n: int = 0
    status: str = "missing"  # ok | missing | failed: reason
    each: tuple[float, ...] = ()
    bits: tuple[Bits, ...] = ()  # outcomes (n,) of each seed, for accuracies

    @property
    def is_measured(self) -> bool:
        """Whether it was measured: neither missing nor failed."""
        return self.status == "ok"

    @property
    def half(self) -> float:
        """The wider side of the interval, or the standard deviation over seeds."""
        return max(self.high - self.value, self.value - self.low)


NOT_MEASURED = Measurement()


def latest_rows(rows: Sequence[Record]) -> list[Record]:
    """The latest row of each severity."""
    return list(
        {str(r["severity"]): r for r in rows}.values()
    )  # as text, since NaN (no severity) does not equal itself


def has_several_settings(rows: Sequence[Record]) -> bool:
    """Whether rows have several settings, or two trainings of one seed, so that no mean may be taken over them."""
    settings = {(str(r["severity"]), r["params"]) for r in rows}
    trained = {(r["seed"], r["run"]) for r in rows}
    return any(len(pairs) > len({first for first, _ in pairs}) for pairs in (settings, trained))


def failure(rows: Sequence[Record]) -> str:
    """The status of the first failed row; empty if none failed."""
    return next((r["status"] for r in rows if r["status"] != "ok"), "")


def accuracy(rows: Sequence[Record], outcomes: Mapping[str, Bits]) -> Measurement:
    """The accuracy of rows of one condition, one row for each seed."""
    if has_several_settings(rows):
        return NOT_MEASURED
    last = {r["run"]: r for r in rows}
    ok = [r for r in last.values() if r["status"] == "ok"]
    found = [Estimate(100 * r["value"], *(100 * end for end in wilson(round(r["value"] * r["n"]), r["n"]))) for r in ok]
    bits = tuple(outcomes[r["key"]] for r in ok if r["key"] in outcomes)
    ours = combine_seeds(found, max((r["n"] for r in ok), default=0), failure([*last.values()]))
    return ours._replace(bits=bits if len(bits) == len(ok) else ())


def standard_deviation(ours: Measurement, kind: str) -> Measurement:
    """Replace the mean by the standard deviation over seeds, if that is what the paper prints (kind `spread`)."""
    if kind != "spread" or not ours.is_measured:
        return ours
    return (
        ours._replace(value=stdev(ours.each), low=math.nan, high=math.nan, bits=()) if ours.seeds > 1 else NOT_MEASURED
    )


def mean(rows: Sequence[Record]) -> Measurement:
    """The mean over seeds of values that are not accuracies."""
    if has_several_settings(rows) or len({r["run"] for r in rows}) < len(rows):
        return NOT_MEASURED  # a run has two rows if it was evaluated on two numbers of images
    ok = [r for r in rows if r["status"] == "ok" and not pd.isna(r["value"])]
    return combine_seeds(
        [Estimate(r["value"], math.nan, math.nan) for r in ok], max((r["n"] for r in ok), default=0), failure(rows)
    )


def combine_seeds(seeds: Sequence[Estimate], n: int, failure: str) -> Measurement:
    """Combine seeds; with a failed seed there is no value, as the mean over the others would hide the failure."""
    if failure or not seeds:
        return NOT_MEASURED._replace(status=failure or "missing")
    values = tuple(seed.value for seed in seeds)
    if len(values) == 1:
        return Measurement(*seeds[0], 1, n, "ok", values)
    mean = mean_over_seeds(values)
    return Measurement(mean.value, mean.low, mean.high, len(values), n, "ok", values)
