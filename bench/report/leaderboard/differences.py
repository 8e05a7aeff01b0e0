"""Differences of the lines of a leaderboard from its best line, paired by image."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bench.core.files import Bits
from bench.core.parsing import format_count
from bench.core.stats import holm, mcnemar_over_seeds, paired_bootstrap
from bench.report.accuracy import measurements
from bench.report.labels import condition_name, label_rows, line_name
from bench.report.leaderboard.table import ranking_column
from bench.report.table_formats import table_text as plain
from bench.report.table_formats.latex import latex_table
from bench.report.table_formats.latex_text import escape_latex

LEFT_COLUMNS = ("Recipe", "Against")


def differences(rows: pd.DataFrame, outcomes: Mapping[str, Bits], table: pd.DataFrame) -> pd.DataFrame:
    """Compare every recipe with the best one by the accuracy that ranks the table.

    rows, outcomes: what the table was made of. Recipes without that accuracy are left out. Columns of the result:
    recipe, against (the best), column (the accuracy), n (images); points, low, high: difference in percentage points
    (negative: less accurate) of the means over seeds, with its 95 % interval by paired bootstrap over images; p: of
    McNemar's exact test, the highest over pairs of seeds; p_holm: p corrected for the number of lines (Holm 1979).
    """
    score = ranking_column(table)
    by_seed = {
        str(label): [run[score].bits for run in measurements(part, outcomes) if score in run]
        for label, part in label_rows(rows).groupby("label", sort=False)
    }
    complete = {label: [bits for bits in by_seed[label] if bits is not None] for label in table["recipe"]}
    labels = [label for label, bits in complete.items() if bits and len(bits) == len(by_seed[label])]
    records: list[dict[str, Any]] = []
    for label in labels[1:]:
        one, best = complete[label], complete[labels[0]]
        low, high = paired_bootstrap(one, best)
        points = {"points": 100 * (np.mean(one) - np.mean(best)), "low": 100 * low, "high": 100 * high}
        p, n = mcnemar_over_seeds(one, best), len(best[0])
        records.append({"recipe": label, "against": labels[0], "column": score, **points, "p": p, "n": n})
    corrected = holm([record["p"] for record in records])
    return pd.DataFrame([record | {"p_holm": p} for record, p in zip(records, corrected, strict=True)])


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text; p-values below 0.001 are shown as such, not as 0."""
    return pd.DataFrame(
        {
            "Recipe": table["recipe"].map(line_name),
            "Against": table["against"].map(line_name),
            "Points": table["points"].map("{:+.1f}".format),
            "95 % interval": [
                f"{low:+.1f} to {high:+.1f}" for low, high in zip(table["low"], table["high"], strict=True)
            ],
            "p": ["< 0.001" if p < 0.001 else f"{p:.3f}" for p in table["p_holm"]],
        }
    )


def caption(table: pd.DataFrame) -> str:
    """The sentences that explain the numbers of the table."""
    return (
        f"{condition_name(table['column'].iloc[0])} accuracy against that of the best line, in percentage points on "
        f"the same {format_count(table['n'].iloc[0], 'image')}, with the 95 % interval of a "
        "paired bootstrap over them (one of several seeds: "
        "of their mean) and the p-value of McNemar's exact test (of several seeds: the highest of their pairs), "
        f"corrected for the number of lines ({len(table)}) by Holm's method."
    )


def section(table: pd.DataFrame) -> str:
    """The table and its caption in Markdown."""
    return f"{plain.markdown(display(table), LEFT_COLUMNS)}\n{plain.escape(caption(table))}"


def latex(table: pd.DataFrame, where: str, label: str) -> str:
    """The table and its caption in LaTeX. where: title of the board, with which the caption begins."""
    cells = display(table).map(escape_latex)
    return latex_table(cells, LEFT_COLUMNS, f"Differences to the best line, {where}", label, [caption(table)])
