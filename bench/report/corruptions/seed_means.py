"""One recipe's accuracy and score under one corruption or attack, combined over seeds, and as text."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from bench.core.files import Bits
from bench.report.corruptions.scores import NO_ESTIMATE, combine_seeds, score
from bench.report.rows import MODEL_COLUMNS, clean_rows
from bench.report.table_formats.table_text import MISSING

Model = tuple[str, ...]
ALL_SEVERITIES = 0  # instead of a severity: the mean over several, or the value of an attack, which has no severity
SPREAD_FORMAT = " ±{:.1f}"


def cell(
    group: pd.DataFrame, outcomes: Mapping[str, Bits], clean: Mapping[Model, str], wanted: tuple[int, ...]
) -> dict[str, Any]:
    """Accuracy and score of one recipe under one corruption or attack, with intervals, seeds and status.

    group: rows of the corruption or attack. clean: result of `clean_keys`. wanted: the severities to average over.
    """
    keys: dict[Model, dict[int, str]] = {}
    for *model, severity, key in zip(*(group[column] for column in (*MODEL_COLUMNS, "severity", "key")), strict=True):
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
        (combine_seeds(list(found)) for found in zip(*seeds, strict=True)) if seeds else (NO_ESTIMATE, NO_ESTIMATE)
    )
    status = failed or ("ok" if seeds else "missing")
    numbers = {"seeds": len(seeds), "status": status}
    for name, measured in (("accuracy", accuracy), ("score", ratio)):
        numbers |= {name: measured.value, f"{name}_low": measured.low, f"{name}_high": measured.high}
    return numbers


def clean_keys(rows: pd.DataFrame) -> dict[Model, str]:
    """The row key of each model's clean accuracy, by run, view and epoch."""
    clean = clean_rows(rows).drop_duplicates(MODEL_COLUMNS)
    return {
        tuple(model): key for *model, key in zip(*(clean[column] for column in (*MODEL_COLUMNS, "key")), strict=True)
    }


def by_severity(severities: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """Each severity by itself, and ALL_SEVERITIES with all of them."""
    return [*((severity, (severity,)) for severity in severities), (ALL_SEVERITIES, severities)]


def pairs(frame: pd.DataFrame, one: str, other: str) -> list[tuple[Any, Any]]:
    """Two columns of a frame as pairs."""
    return list(zip(frame[one], frame[other], strict=True))


def percent(line: Mapping[Hashable, Any], name: str, status: str, spread: str = SPREAD_FORMAT) -> str:
    """An accuracy as text in percent.

    line: has `name`, `name_low` and `name_high`. status: used if the value is missing. spread: format of the half
    interval.
    """
    value, low, high = (float(line[f"{name}{end}"]) for end in ("", "_low", "_high"))
    if math.isnan(value):
        return missing_text(status)
    return f"{100 * value:.1f}{spread.format(100 * max(high - value, value - low))}"


def missing_text(status: str) -> str:
    """The text instead of a number: failed or missing."""
    return "failed" if status.startswith("failed") else MISSING
