"""The trainings of a method: facts and curves."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.report.site.chart import SHAPES, Chart, ChartPoint, lines
from bench.report.site.data import SiteData
from bench.report.table_formats.table_text import MISSING

MAX_MARKS = 60  # most marks of a line; longer trainings have one at every second or third epoch
CURVE_NAMES = {"val_clean": "clean", "val_fgsm": "FGSM", "val_pgd": "PGD-10"}


@dataclass(frozen=True)
class Training:
    """Facts about a training, as text."""

    run: str
    status: str
    facts: tuple[tuple[str, str], ...]
    alarms: tuple[str, ...]

    @property
    def has_failed(self) -> bool:
        return self.status.startswith("failed")


def trainings(data: SiteData, runs: Iterable[str]) -> list[Training]:
    """Facts about the trainings of run folders, from job.json."""
    return [describe(run, data.job(run)) for run in runs]


def describe(run: str, job: Mapping[str, Any]) -> Training:
    """Facts about a training from its job.json; missing ones are left out."""
    plan, passes = job.get("plan") or {}, job.get("passes_per_image") or {}
    cost = ", ".join(f"{passes[name]:g} {name}" for name in ("forwards", "backwards") if name in passes)
    facts = {
        "Model": job.get("spec", ""),
        "Budget": job.get("budget", ""),
        "Seed": job.get("seed", ""),
        "Plan": plan_in_words(plan),
        "Extra data": f"{job['extra_images']:,} images in {job.get('extra_file')}" if job.get("extra_images") else "",
        "Settings": ", ".join(map(str, job.get("settings") or ())),
        "Goes on from": job.get("start") or "",
        "Passes": f"{cost} per image of a training step, counted" if cost else "",
        "Best epoch": job.get("best_epoch", ""),
        "Precision": job.get("precision", ""),
        "Choices": "; ".join(map(str, job.get("choices") or ())),
    }
    shown = tuple((name, str(value)) for name, value in facts.items() if value not in ("", None))
    return Training(run, str(job.get("status", "")) or MISSING, shown, tuple(map(str, job.get("alarms") or ())))


def plan_in_words(plan: Mapping[str, Any]) -> str:
    """The fields of a plan as text, named as in `--set plan.NAME=VALUE`."""
    return ", ".join(f"{name} {_value(value)}" for name, value in plan.items() if value not in (None, False))


def _value(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)


def training_charts(logs: Mapping[str, pd.DataFrame]) -> list[Chart]:
    """Charts of accuracies on held-out images and of training loss over epochs. logs: by name of the seed."""
    known = {name: log for name, log in logs.items() if not log.empty}
    held_out, losses, looks = dict[str, list[ChartPoint]](), dict[str, list[ChartPoint]](), dict[str, str]()
    for place, (seed, log) in enumerate(known.items()):
        after = f", {seed}" if len(known) > 1 else ""
        for colour, (column, curve) in enumerate(CURVE_NAMES.items()):
            if column in log:
                held_out[curve + after] = _points(log, column, curve + after, 100, "{:.1f} %")
                looks[curve + after] = f"c{colour} s{place % SHAPES}"
        if "loss" in log:
            losses[f"loss{after}"] = _points(log, "loss", f"loss{after}", 1, "{:.3g}")
            looks[f"loss{after}"] = f"c3 s{place % SHAPES}"
    drawn = [
        ("Held-out images", "Accuracy (%)", {name: points for name, points in held_out.items() if points}),
        ("Training loss", "Loss", {name: points for name, points in losses.items() if points}),
    ]
    return [lines(title, ("Epoch", axis), curves, looks, lambda name: "") for title, axis, curves in drawn if curves]


def _points(log: pd.DataFrame, column: str, name: str, factor: float, form: str) -> list[ChartPoint]:
    every = max(1, math.ceil(len(log) / MAX_MARKS))
    chosen = log.iloc[sorted({*range(0, len(log), every), len(log) - 1})]
    return [
        ChartPoint(name, epoch, factor * value, f"epoch {epoch:g}, {name}: {form.format(factor * value)}")
        for epoch, value in zip(chosen["epoch"], chosen[column], strict=True)
        if math.isfinite(value)
    ]
