"""Looks up our measurement for a printed number, and AutoAttack accuracies that others published."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from bench.core import parsing as numbers
from bench.core.files import Bits
from bench.report import cache as stored
from bench.report.accuracy import Estimate
from bench.report.corruptions.scores import score
from bench.report.exhibits.exhibit_files import read_exhibit
from bench.report.exhibits.table import cosines
from bench.report.labels import AUTOATTACK, is_autoattack
from bench.report.studies import measurement
from bench.report.studies.matching import is_of, keep_lowest_other_seed
from bench.report.studies.measurement import NOT_MEASURED, Measurement, Record
from bench.report.studies.printed.numbers import DATASETS, MODELS, printed_numbers
from bench.report.studies.printed_number import MetricSpec, Number, any_iterate
from bench.report.studies.scales import Scale
from bench.report.studies.setup import TrainingSetup
from bench.report.training_logs import read_logs
from bench.results.kinds import CLEAN

TrainingKey = tuple[str, str, str, str]  # recipe, plan, data set, architecture


class Lookup:
    """The rows of one scale, to look up measurements in.

    outcomes: (n,) bool by key of the row. cosines: by run, similarity of batch norms, a line a layer, a column a
    statistic. seconds: of an epoch, by run.
    """

    def __init__(
        self,
        scale: Scale,
        rows: pd.DataFrame,
        outcomes: Mapping[str, Bits],
        cosines: Mapping[str, pd.DataFrame],
        seconds: Mapping[str, float],
    ) -> None:
        self.scale, self.outcomes, self.cosines, self.seconds = scale, outcomes, cosines, seconds
        self._rows: dict[tuple[str, str], list[Record]] = {}
        records: list[Record] = rows.to_dict("records")  # type: ignore[assignment]  # keys of its dicts are str
        for record in records:
            record["settings"] = json.loads(record["params"] or "{}")
            self._rows.setdefault((record["recipe"], record["view"]), []).append(record)

    def ours(self, number: Number, paper_setup: TrainingSetup | None, reading: MetricSpec | None = None) -> Measurement:
        """Our measurement for a printed number. reading: another metric of it; paper_setup: as for `Scale.holds`."""
        reading = reading or number.reading
        models = [
            r
            for r in self._rows.get((number.recipe, number.view), [])
            if self.scale.holds(r, number.where, paper_setup)
        ]
        wanted = "best" if any(r["epoch"] == number.epoch == "best" for r in models) else "last"
        models = [r for r in models if r["epoch"] == wanted]
        if reading.kind in ("cosine", "seconds"):
            return self._beside(models, reading)
        if reading.kind == "gradient":
            return measurement.mean([r for r in models if (r["name"], r["metric"]) == ("gradient", reading.statistic)])
        accuracies = [r for r in models if r["metric"] == "accuracy"]
        if not reading.attack and not reading.corruption:
            return measurement.standard_deviation(
                measurement.accuracy([r for r in accuracies if r["kind"] == CLEAN], self.outcomes), reading.kind
            )
        found_rows = [r for r in accuracies if is_of(r, reading, number.source, self.scale)]
        found_rows = keep_lowest_other_seed(found_rows) if reading.other_seed else found_rows
        if reading.kind == "score":
            whole = measurement.SEVERITY_COUNT if reading.corruption else 1
            return self._score(found_rows, [r for r in accuracies if r["kind"] == CLEAN], whole)
        return measurement.accuracy(found_rows, self.outcomes)

    def beside(self, number: Number, paper_setup: TrainingSetup | None) -> tuple[Measurement, Measurement]:
        """For a white-box attack: the same attack scored on any iterate, and AutoAttack, in the unit of the number."""
        reading = number.reading
        if not reading.attack or number.source:
            return NOT_MEASURED, NOT_MEASURED
        any_one = MetricSpec(reading.kind, any_iterate(reading.attack), reading.eps)
        auto = MetricSpec(reading.kind, AUTOATTACK, reading.eps)
        found = [
            self.ours(number, paper_setup, r) if r.attack != reading.attack else NOT_MEASURED for r in (any_one, auto)
        ]
        return found[0], found[1]

    def _score(self, found_rows: Sequence[Record], clean: Sequence[Record], whole: int) -> Measurement:
        """The score (accuracy over clean accuracy), mean over seeds. whole: number of rows that a run must have."""
        if measurement.has_several_settings(found_rows):
            return NOT_MEASURED
        found = []
        plain = {r["run"]: self.outcomes.get(r["key"]) for r in clean}
        for run in dict.fromkeys(r["run"] for r in found_rows):
            bits = [
                self.outcomes.get(r["key"]) for r in measurement.latest_rows([r for r in found_rows if r["run"] == run])
            ]
            right = plain.get(run)
            if right is not None and len(bits) == whole and all(b is not None for b in bits):
                found.append(score([b for b in bits if b is not None], right)[1])
        return measurement.combine_seeds(
            found, max((r["n"] for r in found_rows), default=0), measurement.failure(found_rows)
        )

    def _beside(self, models: Sequence[Record], reading: MetricSpec) -> Measurement:
        runs = list(dict.fromkeys(r["run"] for r in models))
        if reading.kind == "seconds":
            values = [self.seconds[run] for run in runs if run in self.seconds]
        else:
            statistic, layer = reading.statistic.split()
            tables = [self.cosines[run] for run in runs if run in self.cosines]
            values = [float(v) for t in tables for v in t.sort_values("layer")[statistic].iloc[int(layer) :][:1]]
        return measurement.combine_seeds([Estimate(value, value, value) for value in values], 0, "")


def make_lookup(scale: Scale, rows: pd.DataFrame, results: Path) -> Lookup:
    """Read the run folders of rows into a `Lookup`."""
    runs = rows["run"].unique()
    return Lookup(scale, rows, stored.outcomes(results, runs), _cosines(results, runs), _seconds(results, runs))


def _seconds(results: Path, runs: Any) -> dict[str, float]:
    """Seconds of an epoch by run."""
    known = {run: read_logs(results / run) for run in runs}
    return {run: log.epoch_seconds for run, log in known.items() if not math.isnan(log.epoch_seconds)}


def _cosines(results: Path, runs: Any) -> dict[str, pd.DataFrame]:
    """Cosine similarity of batch norms before and after a fine-tuning, by run."""
    paths = {run: results / run / "exhibits" / "batchnorm.csv" for run in runs}
    return {run: cosines(read_exhibit(path, "batchnorm")) for run, path in paths.items() if path.exists()}


def published_accuracy(number: Number) -> float:
    """The AutoAttack accuracy in percent that others published for this training and radius; NaN if none did."""
    where, reading = number.where, number.reading
    if reading.kind != "accuracy" or not reading.attack or not number.recipe or number.source or where.images:
        return math.nan
    known = _published_autoattack().get((number.recipe, where.plan, where.dataset, where.model.partition(".")[0]), [])
    return next((value for eps, value in known if abs(255 * eps - reading.eps) < 1e-6), math.nan)


@cache
def _published_autoattack() -> dict[TrainingKey, list[tuple[float, float]]]:
    """Published AutoAttack accuracies: radius and percent, by training, in the order of external.csv."""
    found: dict[TrainingKey, list[tuple[float, float]]] = {}
    for row in printed_numbers("external").to_dict("records"):
        if is_autoattack(row["attack"]) and row["metric"] == "robust_acc":
            trained = row["recipe"], row["plan"], DATASETS.get(row["dataset"], ""), MODELS.get(row["architecture"], "")
            found.setdefault(trained, []).append((numbers.parse_number(row["epsilon"]), float(row["value"])))
    return found
