"""Looking up what of ours a printed number stands beside."""

import json
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.core.files import Bits
from bench.report.accuracy import Estimate
from bench.report.corruptions.scores import score
from bench.report.studies import measurement as ours
from bench.report.studies.measurement import NOTHING, Measurement, Record
from bench.report.studies.printed_number import MetricSpec, Number, any_iterate
from bench.report.studies.scales import Scale
from bench.report.studies.setup import TrainingSetup

USUAL = {"restarts": "1", "loss": "ce"}  # settings that no table names; with others it is another attack


class Lookup:
    """The rows of one scale, by model.

    cosines: by run, a line a layer with its similarity in each statistic. seconds: by run, of an epoch.
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
        records: list[Record] = rows.to_dict("records")  # type: ignore[assignment]  # its keys are text
        for record in records:
            record["settings"] = json.loads(record["params"] or "{}")
            self._rows.setdefault((record["recipe"], record["view"]), []).append(record)

    def ours(self, number: Number, stood_for: TrainingSetup | None, reading: MetricSpec | None = None) -> Measurement:
        """What is beside a printed number, or beside another reading of it. stood_for: as of `Scale.holds`."""
        reading = reading or number.reading
        models = [
            r for r in self._rows.get((number.recipe, number.view), []) if self.scale.holds(r, number.where, stood_for)
        ]
        wanted = "best" if any(r["epoch"] == number.epoch == "best" for r in models) else "last"
        models = [r for r in models if r["epoch"] == wanted]
        if reading.kind in ("cosine", "seconds"):
            return self._beside(models, reading)
        if reading.kind == "gradient":
            return ours.mean([r for r in models if (r["name"], r["metric"]) == ("gradient", reading.statistic)])
        accuracies = [r for r in models if r["metric"] == "accuracy"]
        if not reading.attack and not reading.corruption:
            return ours.standard_deviation(
                ours.accuracy([r for r in accuracies if r["kind"] == "clean"], self.outcomes), reading.kind
            )
        treated = [r for r in accuracies if self._treated(r, reading, number.source)]
        treated = _one_twin(treated) if reading.twin else treated
        if reading.kind == "score":
            whole = 5 if reading.corruption else 1  # a mean over five severities is none of three
            return self._score(treated, [r for r in accuracies if r["kind"] == "clean"], whole)
        return ours.accuracy(treated, self.outcomes)

    def beside(self, number: Number, stood_for: TrainingSetup | None) -> tuple[Measurement, Measurement]:
        """The same attack judged on every image that it visits, and AutoAttack; of a white-box attack, in its unit."""
        reading = number.reading
        if not reading.attack or number.source:
            return NOTHING, NOTHING
        any_one = MetricSpec(reading.kind, any_iterate(reading.attack), reading.eps)
        auto = MetricSpec(reading.kind, "AutoAttack", reading.eps)
        found = [self.ours(number, stood_for, r) if r.attack != reading.attack else NOTHING for r in (any_one, auto)]
        return found[0], found[1]

    def _treated(self, row: Record, reading: MetricSpec, source: str) -> bool:
        if reading.corruption:
            return bool(row["kind"] == "corruption" and row["name"] == reading.corruption)
        if row["kind"] != "attack" or not self._crafted(row, reading, source):
            return False
        name, settings = parse_name(reading.attack)
        near = row["norm"] == "Linf" and abs(row["eps"] - self.scale.eps(reading.eps)) < 1e-6
        if row["name"] != name or not (row["eps"] == np.inf or near):
            return False
        usual = USUAL | ({"loss": "margin"} if name.startswith("CW-") else {})
        asked = {key: value for key, value in usual.items() if key in row["settings"]} | settings
        own = {key: str(row["settings"].get(key)).lower() for key in asked if key != "step"}
        return all(asked[key].lower() == value for key, value in own.items()) and (
            "step" not in settings or _same_step(row, settings["step"], reading.eps)
        )

    def _crafted(self, row: Record, reading: MetricSpec, source: str) -> bool:
        """Whether the images come from where they are to come from: the model itself, or another of the same seed."""
        if not source or not row["source"]:
            return not source and not row["source"]
        recipe, model, seed, which = crafter(row["source"])
        if recipe != source:
            return False
        if reading.crafter:
            return not which and bool(model != row["model"])
        same = model == row["model"] and which == [row["epoch"]] * (row["epoch"] != "last")
        return same and bool(seed != row["seed"] if reading.twin else seed == row["seed"])

    def _score(self, treated: Sequence[Record], clean: Sequence[Record], whole: int) -> Measurement:
        """whole: how many severities a run's are the mean of."""
        if ours.several(treated):
            return NOTHING
        found = []
        plain = {r["run"]: self.outcomes.get(r["key"]) for r in clean}
        for run in dict.fromkeys(r["run"] for r in treated):
            bits = [self.outcomes.get(r["key"]) for r in ours.latest([r for r in treated if r["run"] == run])]
            right = plain.get(run)
            if right is not None and len(bits) == whole and all(b is not None for b in bits):
                found.append(score([b for b in bits if b is not None], right)[1])
        return ours.combine_seeds(found, max((r["n"] for r in treated), default=0), ours.failure(treated))

    def _beside(self, models: Sequence[Record], reading: MetricSpec) -> Measurement:
        runs = list(dict.fromkeys(r["run"] for r in models))
        if reading.kind == "seconds":
            values = [self.seconds[run] for run in runs if run in self.seconds]
        else:
            statistic, layer = reading.statistic.split()
            tables = [self.cosines[run] for run in runs if run in self.cosines]
            values = [float(v) for t in tables for v in t.sort_values("layer")[statistic].iloc[int(layer) :][:1]]
        return ours.combine_seeds([Estimate(value, value, value) for value in values], 0, "")


def crafter(source: str) -> tuple[str, str, int, list[str]]:
    """Recipe (empty: from outside), network and seed of the model at a place, and which of the run's it is."""
    where, *which = source.split("@")
    _, model, *between, last = where.split("/")
    return (between[0] if between else ""), model, int(re.sub(r"\D.*", "", last.removeprefix("s")) or -1), which


def _one_twin(rows: Sequence[Record]) -> list[Record]:
    """Of each run the images of one other seed, the lowest, as the paper has one."""
    lowest: dict[str, int] = {}
    rows = [row for row in rows if row["status"] == "ok"] or list(rows)
    for row in rows:
        seed = crafter(row["source"])[2]
        lowest[row["run"]] = min(seed, lowest.get(row["run"], seed))
    return [row for row in rows if crafter(row["source"])[2] == lowest[row["run"]]]


def parse_name(attack: str) -> tuple[str, dict[str, str]]:
    """The name and the settings of an attack as --attacks takes it."""
    name, _, inside = attack.removesuffix("]").partition("[")
    return name, dict(pair.split("=", 1) for pair in inside.split(",") if pair)


def _same_step(row: Record, step: str, eps: float) -> bool:
    wanted = float(step.removesuffix("eps")) if step.endswith("eps") else float(step.removesuffix("px")) / eps
    own = str(row["settings"].get("step", ""))
    if not own:
        return False
    share = float(own.removesuffix("eps")) / (1 if own.endswith("eps") else row["eps"])
    return abs(share - wanted) < 1e-3 * wanted
