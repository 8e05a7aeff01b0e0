"""The ledger as a table, with every column or as a page shows it."""

import math
from collections.abc import Iterable

import pandas as pd

from bench.report.studies.ledger import UNITS, Entry
from bench.report.table_formats.table_text import MISSING


def frame(ledger: Iterable[Entry]) -> pd.DataFrame:
    """Every column and digit, for CSV."""
    return pd.DataFrame(
        [
            {
                "item": e.table.name,
                "line": ", ".join(e.number.line),
                "column": e.number.column,
                "recipe": e.number.recipe,
                "view": e.number.view if e.number.recipe else "",
                "source": e.number.source,
                "attack": e.number.reading.attack,
                "unit": UNITS.get(e.number.reading.kind, ""),
                "printed": e.number.text,
                "ours": e.ours.value,
                "low": e.ours.low,
                "high": e.ours.high,
                "seeds": e.ours.seeds,
                "each": " ".join(f"{value!r}" for value in e.ours.each),
                "n": e.ours.n,
                "printed_mark": e.number.mark,
                "mark": e.mark,
                "difference": e.difference,
                "any_iterate": e.any_iterate.value,
                "autoattack": e.autoattack.value,
                "autoattack_low": e.autoattack.low,
                "autoattack_high": e.autoattack.high,
                "autoattack_published": e.published,
                "status": e.status,
            }
            for e in ledger
        ]
    )


def brief(ledger: Iterable[Entry]) -> pd.DataFrame:
    """The columns of a page, rounded; a line for each printed number."""
    return pd.DataFrame(
        [
            {
                "Item": e.table.name,
                "Number": e.place,
                "Printed": e.number.text + e.number.mark,
                "Ours": _short(e.ours.value) + e.mark,
                "Difference": _short(e.difference, "+"),
                "AutoAttack": _short(e.autoattack.value),
                "AutoAttack by others": _short(e.published),
                "Status": e.status,
            }
            for e in ledger
            if e.number.text
        ]
    )


def _short(value: float, sign: str = "") -> str:
    return MISSING if math.isnan(value) else f"{value:{sign}.4g}"
