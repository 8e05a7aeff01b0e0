"""Looking up what of ours a printed number stands beside."""

import json
import re
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.report.scores import Measured, score
from bench.results import Bits
from bench.stats import wilson
from bench.studies.items import Where
from bench.studies.scales import REFERENCE, Scale
from bench.studies.tables import Number, Reading, any_iterate

NAN = float("nan")
Record = dict[str, Any]


class Ours(NamedTuple):
    """One measurement: of one seed with the interval of its images, of several their mean and standard deviation.

    In the unit of the printed number: percent, but for scores, squared gradients, cosines and seconds.
    """

    value: float = NAN
    low: float = NAN
    high: float = NAN
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


NOTHING = Ours()


class Finder:
    """The rows of one scale, by model.

    exhibits: (name of the exhibit, run) -> its table. logs: run -> its train.csv.
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

    def ours(self, number: Number, stood_for: Where | None, epoch: str, reading: Reading | None = None) -> Ours:
        """What is beside a printed number, or beside another reading of it. stood_for: as of `Scale.holds`."""
        reading = reading or number.reading
        models = [
            r for r in self._rows.get((number.recipe, number.view), []) if self.scale.holds(r, number.where, stood_for)
        ]
        wanted = "best" if any(r["epoch"] == epoch == "best" for r in models) else "last"
        models = [r for r in models if r["epoch"] == wanted]
        if reading.kind in ("cosine", "seconds"):
            return self._beside(models, reading)
        if reading.kind == "gradient":
            return _numbers([r for r in models if (r["name"], r["metric"]) == ("gradient", reading.statistic)])
        accuracies = [r for r in models if r["metric"] == "accuracy"]
        if not reading.attack and not reading.corruption:
            return _spread(_accuracy([r for r in accuracies if r["kind"] == "clean"], self.outcomes), reading.kind)
        treated = [r for r in accuracies if self._treated(r, reading, number.source)]
        if reading.kind == "score":
            return self._score(treated, [r for r in accuracies if r["kind"] == "clean"])
        return _accuracy(treated, self.outcomes)

    def beside(self, number: Number, stood_for: Where | None, epoch: str) -> tuple[Ours, Ours]:
        """The same attack judged on every image that it visits, and AutoAttack; of a white-box accuracy at 8/255."""
        reading = number.reading
        if reading.kind != "accuracy" or not reading.attack or number.source:
            return NOTHING, NOTHING
        any_one = Reading("accuracy", any_iterate(reading.attack), reading.eps)
        auto = Reading("accuracy", "AutoAttack", reading.eps)
        found = [
            self.ours(number, stood_for, epoch, r) if r.attack != reading.attack else NOTHING for r in (any_one, auto)
        ]
        return found[0], found[1]

    def _treated(self, row: Record, reading: Reading, source: str) -> bool:
        if reading.corruption:
            return row["kind"] == "corruption" and row["name"] == reading.corruption
        if row["kind"] != "attack" or not self._crafted(row, reading, source):
            return False
        name, settings = parsed(reading.attack)
        if row["name"] != name or not (row["eps"] == np.inf or abs(row["eps"] - self.scale.eps(reading.eps)) < 1e-6):
            return False
        asked = {key: value for key, value in settings.items() if key != "step"}
        same = all(str(row["settings"].get(key)).lower() == value.lower() for key, value in asked.items())
        return same and ("step" not in settings or _same_step(row, settings["step"], reading.eps))

    def _crafted(self, row: Record, reading: Reading, source: str) -> bool:
        """Whether the images come from where they are to come from: the model itself, or another of the same seed."""
        if not source or not row["source"]:
            return not source and not row["source"]
        where, *_ = row["source"].split("@")
        _, model, *between, last = where.split("/")
        recipe, seed = (between[0] if between else ""), int(re.sub(r"\D.*", "", last.removeprefix("s")) or -1)
        if recipe != source:
            return False
        if reading.crafter:
            return model != row["model"]
        return model == row["model"] and (seed != row["seed"] if reading.twin else seed == row["seed"])

    def _score(self, treated: Sequence[Record], clean: Sequence[Record]) -> Ours:
        found = []
        plain = {r["run"]: self.outcomes.get(r["key"]) for r in clean}
        for run in dict.fromkeys(r["run"] for r in treated):
            bits = [self.outcomes.get(r["key"]) for r in _latest([r for r in treated if r["run"] == run])]
            right = plain.get(run)
            if right is not None and all(b is not None for b in bits):
                found.append(score([b for b in bits if b is not None], right)[1])
        return _together(found, max((r["n"] for r in treated), default=0), _failure(treated))

    def _beside(self, models: Sequence[Record], reading: Reading) -> Ours:
        runs = list(dict.fromkeys(r["run"] for r in models))
        if reading.kind == "seconds":
            values = [self.seconds[run] for run in runs if run in self.seconds]
        else:
            statistic, layer = reading.statistic.split()
            tables = [self.cosines[run] for run in runs if run in self.cosines]
            values = [float(v) for t in tables for v in t.loc[t["layer"] == int(layer), statistic]]
        return _together([Measured(value, value, value) for value in values], 0, "")


def parsed(attack: str) -> tuple[str, dict[str, str]]:
    """The name and the settings of an attack as --attacks takes it."""
    name, _, inside = attack.removesuffix("]").partition("[")
    return name, dict(pair.split("=", 1) for pair in inside.split(",") if pair)  # type: ignore[misc]  # pairs of two


def spelled(attack: str, share: float | None, dataset: str) -> str:
    """An attack with its `step=2px` as --attacks takes it: a share of eps (in 1/255), or pixel units where that is none."""

    def step(match: re.Match[str]) -> str:
        from bench.studies.scales import length

        pixels = float(match[1])
        return f"step={pixels / share!r}eps" if share else f"step={length(pixels, dataset)!r}"

    return re.sub(r"step=([\d.]+)px", step, attack)


def _same_step(row: Record, step: str, eps: float) -> bool:
    wanted = float(step.removesuffix("px")) / eps
    own = str(row["settings"].get("step", ""))
    if not own:
        return False
    share = float(own.removesuffix("eps")) / (1 if own.endswith("eps") else row["eps"])
    return abs(share - wanted) < 1e-3 * wanted


def _latest(rows: Sequence[Record]) -> list[Record]:
    """One row a severity, the one stored last."""
    return list({r["severity"]: r for r in rows}.values())


def _failure(rows: Sequence[Record]) -> str:
    return next((r["status"] for r in rows if r["status"] != "ok"), "")


def _accuracy(rows: Sequence[Record], outcomes: Mapping[str, Bits]) -> Ours:
    """Of rows of one treatment, one a seed. Those of several settings are no number: it would be of neither."""
    if len({r["params"] for r in rows}) > 1:
        return NOTHING
    last = {r["run"]: r for r in rows}
    ok = [r for r in last.values() if r["status"] == "ok"]
    found = [Measured(100 * r["value"], *(100 * end for end in wilson(round(r["value"] * r["n"]), r["n"]))) for r in ok]
    bits = tuple(outcomes[r["key"]] for r in ok if r["key"] in outcomes)
    ours = _together(found, max((r["n"] for r in ok), default=0), _failure([*last.values()]))
    return ours._replace(bits=bits if len(bits) == len(ok) else ())


def _spread(ours: Ours, kind: str) -> Ours:
    """The standard deviation over seeds in the place of the mean, if that was printed."""
    if kind != "spread" or not ours.known:
        return ours
    return ours._replace(value=stdev(ours.each), low=NAN, high=NAN, bits=()) if ours.seeds > 1 else NOTHING


def _numbers(rows: Sequence[Record]) -> Ours:
    ok = [r for r in rows if r["status"] == "ok" and not pd.isna(r["value"])]
    return _together([Measured(r["value"], NAN, NAN) for r in ok], max((r["n"] for r in ok), default=0), _failure(rows))


def _together(seeds: Sequence[Measured], n: int, failure: str) -> Ours:
    """A mean over the seeds that happened to work would hide a failure."""
    if failure or not seeds:
        return NOTHING._replace(status=failure or "missing")
    values = tuple(seed.value for seed in seeds)
    if len(values) == 1:
        return Ours(*seeds[0], 1, n, "ok", values)
    mean, std = fmean(values), stdev(values)
    return Ours(mean, mean - std, mean + std, len(values), n, "ok", values)


__all__ = ["NOTHING", "REFERENCE", "Finder", "Ours", "parsed", "spelled"]
