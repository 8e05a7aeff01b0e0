"""A paper's table as text in its own layout, with our number beside the printed one in each cell."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from bench.core.stats import holm, mcnemar_over_seeds
from bench.report.studies.ledger import Entry
from bench.report.studies.measurement import Measurement
from bench.report.studies.orderings import SIGNIFICANCE
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.latex import latex_table
from bench.report.table_formats.latex_text import escape_latex
from bench.report.table_formats.table_text import MISSING

LEGEND = (
    "Each cell: ours ± the wider side of the 95 % interval over the images (of several seeds: ± their standard "
    "deviation), [the same attack scored on every image it visits], (printed). Bold: the best of ours in a column, "
    "where McNemar's exact test tells it from every other line (5 %, corrected by Holm's method). A dash: not run at "
    "this scale; nothing is filled in."
)


class TextTable(NamedTuple):
    """A table as text, with the cells that are bold."""

    cells: pd.DataFrame
    bold: pd.DataFrame
    heads: list[str]  # the columns that name a line


def layout(ledger: Sequence[Entry]) -> TextTable:
    """Lay out one table in the printed order; the last column is AutoAttack, if any line has it."""
    table = ledger[0].table
    lines = list(dict.fromkeys(entry.number.line for entry in ledger))
    columns = list(dict.fromkeys(entry.number.column for entry in ledger))
    cells = {(entry.number.line, entry.number.column): entry for entry in ledger}
    best = {c: _best([cells[line, c] for line in lines if (line, c) in cells]) for c in columns}
    named = {head: [line[i] for line in lines] for i, head in enumerate(table.heads)}
    text = named | {c: [_cell(cells.get((line, c))) for line in lines] for c in columns}
    bold = {head: [False] * len(lines) for head in named}
    bold |= {c: [line in best[c] for line in lines] for c in columns}
    if any(entry.autoattack.is_measured for entry in ledger):
        strongest = {e.number.line: e for e in ledger if e.autoattack.is_measured}
        text["AutoAttack"] = [
            _ours(strongest[line].autoattack, strongest[line]) if line in strongest else MISSING for line in lines
        ]
        bold["AutoAttack"] = [False] * len(lines)
    return TextTable(pd.DataFrame(text), pd.DataFrame(bold), [*named])


def markdown(table: TextTable) -> str:
    """The table in Markdown."""
    return plain.markdown(_bold(table.cells, table.bold, "**", "**"), table.heads)


def latex(table: TextTable, caption: str, label: str, about: str = "") -> str:
    """Floats in booktabs style. about: what the numbers are, which stands in the notes."""
    shown = _bold(table.cells.map(escape_latex), table.bold, r"\textbf{", "}")
    return latex_table(shown, table.heads, caption, label, [*filter(None, [about]), LEGEND])


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return ""
    theirs = f" ({entry.number.text}{entry.number.mark})" if entry.number.text else ""
    if entry.ours.status.startswith("failed"):
        return f"failed{theirs}"
    beside = f" [{_digits(entry.any_iterate.value, entry)}]" if entry.any_iterate.is_measured else ""
    return (_ours(entry.ours, entry, entry.mark) + beside + theirs) if entry.ours.is_measured else MISSING + theirs


def _ours(ours: Measurement, entry: Entry, mark: str = "") -> str:
    within = "" if math.isnan(ours.half) or (ours.half == 0 and ours.n == 0) else f" ± {_digits(ours.half, entry)}"
    return _digits(ours.value, entry) + mark + within


def _digits(value: float, entry: Entry) -> str:
    kind = entry.number.reading.kind
    if kind == "gradient":
        return f"{value:.2g}" if 0.01 <= abs(value) < 1000 else f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-")
    return f"{value:.2f}" if kind in ("score", "cosine", "spread") else f"{value:.1f}"


def _best(column: Sequence[Entry]) -> set[tuple[str, ...]]:
    """The best line, if McNemar's test tells it from every other that has outcomes by image; otherwise empty."""
    known = [e for e in column if e.ours.is_measured and e.ours.bits]
    if len(known) < 2:
        return set()
    first = max(known, key=lambda e: e.ours.value)
    p_values = [mcnemar_over_seeds(first.ours.bits, e.ours.bits) for e in known if e is not first]
    differs = [p < SIGNIFICANCE for p in holm([1.0 if math.isnan(p) else p for p in p_values])]
    return {first.number.line} if all(differs) else set()


def _bold(shown: pd.DataFrame, where: pd.DataFrame, before: str, after: str) -> pd.DataFrame:
    """Put marks around our value in chosen cells, not around what follows it."""

    def one(cell: str) -> str:
        value, space, rest = cell.partition(" ")
        return f"{before}{value}{after}{space}{rest}"

    return shown.where(~where, shown.map(one))
