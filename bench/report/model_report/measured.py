"""The measurements of one model that its report shows, chosen from its rows."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench.core.files import Bits
from bench.report.labels import column_order, columns
from bench.report.model_report.measurement import Ball, MeasuredCondition, Share, Worst, measurement_of
from bench.report.rows import accuracy_rows
from bench.report.verdicts import doubts_by_board, verdict
from bench.results.kinds import ATTACK, CLEAN, SWEEP
from bench.results.report_file import Pictures, ReportFacts

CONDITION_COLUMNS = ["kind", "column", "norm", "eps", "severity", "source"]


@dataclass(frozen=True, eq=False)
class ModelMeasurements:
    """All that is stored about one model.

    rows: of one run, from `results.load()`. outcomes: (n,) bool by key of the row, True where the model is correct.
    """

    rows: pd.DataFrame
    outcomes: Mapping[str, Bits]
    job: Mapping[str, Any]
    facts: ReportFacts
    pictures: Pictures

    @cached_property
    def rows_shown(self) -> pd.DataFrame:
        """Rows of the newest protocol and of the epoch and view measured last; accuracies only over the most images."""
        rows: pd.DataFrame = self.rows[self.rows["protocol"] == self.rows["protocol"].max()]
        last = rows.iloc[-1]
        same = (rows[["epoch", "view", "precision"]] == last[["epoch", "view", "precision"]]).all(axis=1)
        plain = rows["metric"] == "accuracy"
        shown: pd.DataFrame = rows[same & (~plain | (rows["n"] == rows.loc[same & plain, "n"].max()))]
        return shown

    @cached_property
    def all(self) -> list[MeasuredCondition]:
        """Every accuracy, in the order of a table; of repeated measurements the last."""
        rows = accuracy_rows(self.rows_shown)
        rows = rows[
            rows["source"].str.partition("@")[0] != rows["run"]
        ]  # without images that were made on this model for transfer
        rows = rows.assign(column=columns(rows)).drop_duplicates(CONDITION_COLUMNS, keep="last")
        found = [measurement_of(row) for row in rows.to_dict("records")]
        return sorted(found, key=lambda one: (one.kind != CLEAN, column_order(one.column)))

    @property
    def clean(self) -> MeasuredCondition | None:
        return next((one for one in self.all if one.kind == CLEAN and one.share), None)

    @property
    def n(self) -> int:
        rows = accuracy_rows(self.rows_shown)
        return int(rows["n"].max()) if len(rows) else 0

    @property
    def is_partial(self) -> bool:
        return bool(accuracy_rows(self.rows_shown)["partial"].any())

    def of(self, *kinds: str) -> list[MeasuredCondition]:
        return [one for one in self.all if one.kind in kinds]

    @cached_property
    def balls(self) -> list[Ball]:
        """The threats of the attacks: first the one that the verdict is about, then by norm and radius."""
        attacks = [one for one in self.all if one.counts and one.ball and one.ball.eps > 0]
        plain = [one.ball for one in attacks if one.kind == ATTACK and one.ball]
        swept = [one.ball for one in attacks if one.kind == SWEEP and one.ball]
        known = [ball for ball in dict.fromkeys(plain or sorted(swept, reverse=True)) if math.isfinite(ball.eps)]
        main = sorted(known, key=lambda ball: -plain.count(ball))[:1]
        return [*main, *sorted({*plain, *swept} - {*main})]

    def worst(self, ball: Ball) -> Worst:
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
        doubts = doubts_by_board(self.rows_shown, self.rows_shown, self.outcomes)
        return verdict([(one.column, one.verdict) for one in attacks], doubts)

    @property
    def alarms(self) -> list[str]:
        """Warnings of the checks of the model before it was evaluated."""
        known = self.job.get("alarms")
        return [str(alarm) for alarm in known] if isinstance(known, list) else []

    @property
    def probes(self) -> list[dict[str, Any]]:
        """The rows of the audit's probes; of repeated probes the last."""
        rows = self.rows_shown[self.rows_shown["metric"] == "share"]
        rows = rows.drop_duplicates(["name", "norm", "eps", "params"], keep="last")
        return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


def settings_of(params: str) -> str:
    """The settings of an attack as text, from column `params`."""
    settings = json.loads(params or "{}")
    attack = settings.get("attack", settings)
    hidden = ("package", "black_box", "ascent", "last", "sweep")
    return ", ".join(f"{name} {value}" for name, value in attack.items() if name not in hidden)
