"""The measurements of one model that its report shows, chosen from its rows."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.core.files import Bits
from bench.core.parsing import format_radius
from bench.core.stats import wilson
from bench.report.labels import column_order, columns
from bench.report.rows import accuracies
from bench.report.verdicts import doubts_by_board, verdict
from bench.results.report_file import Pictures, ReportFacts

SAME = ["kind", "column", "norm", "eps", "severity", "source"]


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


class Measurement(NamedTuple):
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
        return self.kind in ("attack", "sweep") and not self.source and not self.name.endswith(".last")


@dataclass(frozen=True, eq=False)
class Measured:
    """All that is stored about one model.

    rows: of one run, from `results.load()`. outcomes: (n,) bool by key of the row, True where the model is correct.
    """

    rows: pd.DataFrame
    outcomes: Mapping[str, Bits]
    job: Mapping[str, Any]
    facts: ReportFacts
    pictures: Pictures

    @cached_property
    def chosen(self) -> pd.DataFrame:
        """Rows of the newest protocol and of the epoch and view measured last; accuracies only over the most images."""
        rows: pd.DataFrame = self.rows[self.rows["protocol"] == self.rows["protocol"].max()]
        last = rows.iloc[-1]
        same = (rows["epoch"] == last["epoch"]) & (rows["view"] == last["view"])
        plain = rows["metric"] == "accuracy"
        chosen: pd.DataFrame = rows[same & (~plain | (rows["n"] == rows.loc[same & plain, "n"].max()))]
        return chosen

    @cached_property
    def all(self) -> list[Measurement]:
        """Every accuracy, in the order of a table; of repeated measurements the last."""
        rows = accuracies(self.chosen)
        rows = rows[
            rows["source"].str.partition("@")[0] != rows["run"]
        ]  # without images that were made on this model for transfer
        rows = rows.assign(column=columns(rows)).drop_duplicates(SAME, keep="last")
        found = [_measurement(row) for row in rows.to_dict("records")]
        return sorted(found, key=lambda one: (one.kind != "clean", column_order(one.column)))

    @property
    def clean(self) -> Measurement | None:
        return next((one for one in self.all if one.kind == "clean" and one.share), None)

    @property
    def n(self) -> int:
        rows = accuracies(self.chosen)
        return int(rows["n"].max()) if len(rows) else 0

    @property
    def is_partial(self) -> bool:
        return bool(accuracies(self.chosen)["partial"].any())

    def of(self, *kinds: str) -> list[Measurement]:
        return [one for one in self.all if one.kind in kinds]

    @cached_property
    def balls(self) -> list[Ball]:
        """The threats of the attacks: first the one that the verdict is about, then by norm and radius."""
        attacks = [one for one in self.all if one.counts and one.ball and one.ball.eps > 0]
        plain = [one.ball for one in attacks if one.kind == "attack" and one.ball]
        swept = [one.ball for one in attacks if one.kind == "sweep" and one.ball]
        known = [ball for ball in dict.fromkeys(plain or sorted(swept, reverse=True)) if math.isfinite(ball.eps)]
        main = sorted(known, key=lambda ball: -plain.count(ball))[:1]
        return [*main, *sorted({*plain, *swept} - {*main})]

    def worst(self, ball: Ball) -> "Worst":
        """The accuracy under all attacks in a ball together, with their names and the failed ones."""
        attacks = [one for one in self.all if one.counts and one.ball == ball]
        known = [one for one in attacks if one.share and one.key in self.outcomes]
        clean = self.outcomes.get(self.clean.key) if self.clean else None
        share = None
        if known and clean is not None:
            right = np.logical_and.reduce([clean, *(self.outcomes[one.key] for one in known)])
            share = Share(int(right.sum()), len(right))
        return Worst(share, tuple(one.title for one in known), tuple(one for one in attacks if one.failure))

    @cached_property
    def verdict(self) -> str:
        """`ok`, `suspect: why` or `invalid: why`, as on a board; empty where nothing was attacked."""
        attacks = [one for one in self.all if one.counts and one.share]
        if not attacks:
            return ""
        doubts = doubts_by_board(self.chosen, self.chosen, self.outcomes)
        return verdict([(one.column, one.verdict) for one in attacks], doubts)

    @property
    def alarms(self) -> list[str]:
        """Warnings of the checks of the model before it was evaluated."""
        known = self.job.get("alarms")
        return [str(alarm) for alarm in known] if isinstance(known, list) else []

    @property
    def probes(self) -> list[dict[str, Any]]:
        """The rows of the audit's probes; of repeated probes the last."""
        rows = self.chosen[self.chosen["metric"] == "share"]
        rows = rows.drop_duplicates(["name", "norm", "eps", "params"], keep="last")
        return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


class Worst(NamedTuple):
    share: Share | None  # None if it is not known
    attacks: tuple[str, ...]
    failed: tuple[Measurement, ...]


def _measurement(row: Mapping[Any, Any]) -> Measurement:
    value, n, severity = row["value"], int(row["n"]), row["severity"]
    known = not pd.isna(value)
    return Measurement(
        row["column"],
        row["kind"],
        row["name"],
        Ball(row["norm"], round(float(row["eps"]), 7)) if row["norm"] else None,
        0 if pd.isna(severity) else int(severity),
        row["source"],
        row["params"],
        Share(round(value * n), n) if known else None,
        "" if known else str(row["status"]).removeprefix("failed: "),
        row["verdict"],
        row["key"],
    )


def settings_of(params: str) -> str:
    """The settings of an attack as text, from column `params`."""
    settings = json.loads(params or "{}")
    attack = settings.get("attack", settings)
    hidden = ("package", "black_box", "last", "sweep")
    return ", ".join(f"{name} {value}" for name, value in attack.items() if name not in hidden)
