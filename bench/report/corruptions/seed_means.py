"""What a treatment of the test images leaves of one recipe's accuracy, in numbers and as text."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from bench.core.files import Bits
from bench.report.corruptions.scores import NOTHING, combine_seeds, score
from bench.report.table_text import MISSING

Model = tuple[str, ...]
MODEL = ["run", "view", "epoch"]
MEAN = 0  # in the place of a severity: over several of them, or of what has none
SPREAD = " ±{:.1f}"


def cell(
    group: pd.DataFrame, outcomes: Mapping[str, Bits], clean: Mapping[Model, str], wanted: tuple[int, ...]
) -> dict[str, Any]:
    """Accuracy and score of one recipe under one treatment: of one seed, or the mean and spread of several.

    group: the treatment's rows. clean: of `clean_keys`. wanted: the severities to take the mean over.
    """
    keys: dict[Model, dict[int, str]] = {}
    for *model, severity, key in zip(*(group[column] for column in (*MODEL, "severity", "key")), strict=True):
        keys.setdefault(tuple(model), {})[severity] = key
    seeds = []
    for which, found in keys.items():
        bits = [outcomes.get(found.get(severity, "")) for severity in wanted]
        known = [b for b in bits if b is not None]
        plain = outcomes.get(clean.get(which, ""))
        if len(known) == len(wanted) and plain is not None:
            seeds.append(score(known, plain))
    failed = next((status for status in group["status"] if status.startswith("failed")), "")
    accuracy, ratio = (
        (combine_seeds(list(found)) for found in zip(*seeds, strict=True)) if seeds else (NOTHING, NOTHING)
    )
    status = failed or ("ok" if seeds else "missing")
    said = {"seeds": len(seeds), "status": status}
    for name, measured in (("accuracy", accuracy), ("score", ratio)):
        said |= {name: measured.value, f"{name}_low": measured.low, f"{name}_high": measured.high}
    return said


def clean_keys(rows: pd.DataFrame) -> dict[Model, str]:
    """The key of each model's clean accuracy."""
    clean = rows[rows["kind"] == "clean"].drop_duplicates(MODEL)
    return {tuple(model): key for *model, key in zip(*(clean[column] for column in (*MODEL, "key")), strict=True)}


def by_severity(severities: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """A severity as a table names it, and those that it stands for: each, and the mean over all."""
    return [*((severity, (severity,)) for severity in severities), (MEAN, severities)]


def pairs(frame: pd.DataFrame, one: str, other: str) -> list[tuple[Any, Any]]:
    """Two columns side by side."""
    return list(zip(frame[one], frame[other], strict=True))


def percent(line: Mapping[Hashable, Any], name: str, status: str, spread: str = SPREAD) -> str:
    """An accuracy as text. line: has it and its interval, by name. spread: how the wider side of that is added."""
    value, low, high = (float(line[f"{name}{end}"]) for end in ("", "_low", "_high"))
    if math.isnan(value):
        return absent(status)
    return f"{100 * value:.1f}{spread.format(100 * max(high - value, value - low))}"


def absent(status: str) -> str:
    """What stands where there is no number."""
    return "failed" if status.startswith("failed") else MISSING
