"""Short texts for the results of rows, for progress lines."""

from collections.abc import Sequence

from bench.core.parsing import format_count, format_radius
from bench.report.audit.thresholds import INDICATORS, visible_share
from bench.results.kinds import ATTACK, CLEAN
from bench.results.row import Row

MAX_ACCURACIES = 6  # most accuracies in the line of a model


def describe_row(row: Row) -> str:
    """A short text for the value of a row, such as `45.3% of 256 right`."""
    if row.value is None:
        return "no answer: no image could be looked at for it" if row.metric == "share" else "no such image"
    if row.metric == "share":
        seen = visible_share(row.n, INDICATORS[row.name])
        return (
            f"{row.value:.1%} of {format_count(row.n, 'image')}; what fewer than "
            f"{seen:.0%} of all images show may go unseen"
        )
    return (
        f"{row.value:.1%} of {row.n} right"
        if row.metric == "accuracy"
        else f"{row.value:.4g} over {format_count(row.n, 'image')}"
    )


def summarise_rows(rows: Sequence[Row]) -> str:
    """A line for the rows of one model: the first accuracies, and numbers of other, failed and suspect rows."""
    measured = [row for row in rows if row.kind in (CLEAN, ATTACK) and row.value is not None][:MAX_ACCURACIES]
    radii = {(row.norm, row.eps) for row in measured if row.eps is not None}
    words = [f"{_condition_text(row, has_radius=len(radii) > 1)} {row.value:.1%}" for row in measured]
    failed = sum(row.status != "ok" for row in rows)
    suspect = sum(row.verdict.startswith("suspect") for row in rows)
    counts = {"more cells": len(rows) - len(words) - failed, "failed": failed, "suspect": suspect}
    return ", ".join([*words, *(f"{count} {what}" for what, count in counts.items() if count)])


def _condition_text(row: Row, has_radius: bool) -> str:
    radius = f" {row.norm} {format_radius(row.eps)}" if has_radius and row.eps is not None else ""
    return f"{row.name or 'clean'}{radius}"
