"""The verdict of a table line: warnings of its attacks, and the doubts of the audit, combined."""

from collections.abc import Iterable, Mapping

import pandas as pd

from bench.core.files import Bits
from bench.report.audit.audit import RowView, audit, lines
from bench.report.audit.indicators import Doubt
from bench.report.boards import groups
from bench.report.labels import label_rows
from bench.report.rows import MODEL_COLUMNS

Models = Mapping[tuple[object, ...], list[RowView]]


def by_model(rows: pd.DataFrame) -> Models:
    """The rows that did not fail, grouped by model (run, view, epoch), protocol and the precision of searches."""
    return _by_model(rows[rows["status"] == "ok"])


def _by_model(rows: pd.DataFrame) -> Models:
    found: dict[tuple[object, ...], list[RowView]] = {}
    for *model, line in zip(
        *(rows[name] for name in (*MODEL_COLUMNS, "protocol", "precision")), lines(rows), strict=True
    ):
        found.setdefault(tuple(model), []).append(line)
    return found


def audit_doubts(part: pd.DataFrame, beside: Models, outcomes: Mapping[str, Bits]) -> list[Doubt]:
    """The audit's doubts about each model behind a table line; with several seeds each names its seed.

    part: rows of the line, with `column`, of one protocol. beside: further rows, also of other models.
    """
    found, seeds = [], dict(zip(part["run"], part["seed"], strict=True))
    for model, own in _by_model(part).items():
        seed = f"seed {seeds[own[0].run]}: " if len(seeds) > 1 else ""
        doubts = audit(own, beside.get(model, []), outcomes)
        found += [Doubt(doubt.level, seed + doubt.reason) for doubt in doubts]
    return found


def doubts_by_board(rows: pd.DataFrame, beside: pd.DataFrame, outcomes: Mapping[str, Bits]) -> list[Doubt]:
    """The doubts about one model from all boards that have its rows; with several boards each names its threat."""
    found, known = groups(rows), by_model(beside)
    return [
        Doubt(doubt.level, f"{board.threat}: {doubt.reason}" if len(found) > 1 else doubt.reason)
        for board, part in found.items()
        for doubt in audit_doubts(label_rows(part), known, outcomes)
    ]


def verdict(cells: Iterable[tuple[str, str]], doubts: Iterable[Doubt] = ()) -> str:
    """The worst of the cells' verdicts and the doubts, with all reasons; empty where no cell has a verdict.

    cells: the column and the verdict of each.
    """
    levels = {"": 0, "ok": 1, "suspect": 2}  # anything else counts as invalid
    worst, reasons = "", []
    for column, cell in cells:
        level, _, reason = cell.partition(": ")
        worst = max(worst, level, key=lambda word: levels.get(word, 3))
        if levels.get(level, 3) > 1:
            reasons.append(f"{column}: {reason}" if reason else column)
    for doubt in doubts:
        worst = max(worst, doubt.level, key=lambda word: levels.get(word, 3))
        reasons.append(doubt.reason)
    return f"{worst}: {'; '.join(dict.fromkeys(reasons))}" if reasons else worst
