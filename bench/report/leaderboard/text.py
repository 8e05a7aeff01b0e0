"""One leaderboard as a reader sees it, as Markdown, LaTeX, CSV or on the terminal: rounded numbers, caption, notes."""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report import table_text as plain
from bench.report.labels import line_name
from bench.report.leaderboard.table import accuracies, ranking_column
from bench.report.table_text import MISSING

if TYPE_CHECKING:
    from rich.table import Table

TEXT = ("Recipe", "Verdict")  # columns set flush left
COST = {"Passes": "passes", "MiB": "memory"}  # no seconds: those of a shared machine say what else it had to do


def csv(table: pd.DataFrame) -> str:
    """For machines: every digit, every bound, every status."""
    table = table.copy()
    for column in [c for c in table if str(c).endswith(" each")]:
        table[column] = [" ".join(map(repr, each)) for each in table[column]]
    return plain.csv(table)


def markdown(table: pd.DataFrame) -> str:
    shown = display(table, accuracies(table))
    return plain.markdown(_bold(shown, best(table, shown), "**", "**"), TEXT)


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    r"""A float over both columns, in booktabs style; needs \usepackage{booktabs} and nothing else."""
    shown = display(table, accuracies(table)).map(lambda cell: cell.translate(plain.LATEX))
    return plain.latex(
        _bold(shown, best(table, shown), r"\textbf{", "}"), TEXT, " ".join([caption, *notes(table)]), label
    )


def terminal(table: pd.DataFrame, title: str, width: int) -> "Table":
    """For rich. What a narrow screen has no room for is left out: first intervals, then costs."""
    from rich.console import Console

    deciding = [ranking_column(table)]
    whole = _draw(display(table, accuracies(table)), table, title)
    for shown in (display(table, deciding), display(table, deciding).drop(columns=list(COST), errors="ignore")):
        if Console(width=10_000).measure(whole).maximum > width:
            whole = _draw(shown, table, title)
    return whole


def _draw(shown: pd.DataFrame, table: pd.DataFrame, title: str) -> "Table":
    return plain.terminal(shown, TEXT, title, best(table, shown))


def _bold(shown: pd.DataFrame, where: pd.DataFrame, before: str, after: str) -> pd.DataFrame:
    """The values in bold, not their intervals."""
    strong = shown.map(lambda cell: re.sub(r"^[\d.]+", lambda value: before + value[0] + after, cell))
    return shown.where(~where, strong)


def display(table: pd.DataFrame, spread: Collection[str]) -> pd.DataFrame:
    """The table as text. spread: the accuracies that are shown with their interval."""
    lines = [{str(key): value for key, value in line.items()} for line in table.to_dict("records")]
    shown = {"#": ranks(table["rank"]), "Recipe": [line_name(recipe) for recipe in table["recipe"]]}
    for column in accuracies(table):
        shown[column] = [
            accuracy_text(line, column) + (_standard_deviation(line, column) if column in spread else "")
            for line in lines
        ]
    if (table["seeds"] > 1).any():
        shown["Seeds"] = [str(seeds) for seeds in table["seeds"]]
    for name, column in COST.items():
        if table[column].notna().all():  # beside a line that has none, a number compares with nothing
            shown[name] = [_number(cost) for cost in table[column]]
    shown["Verdict"] = [verdict.partition(":")[0] or MISSING for verdict in table["verdict"]]
    return pd.DataFrame(shown)


def ranks(ranks: Iterable[float]) -> list[str]:
    """Ranks as text, `=2` where several lines share it."""
    known = [MISSING if pd.isna(rank) else str(rank) for rank in ranks]
    return [f"={rank}" if rank != MISSING and known.count(rank) > 1 else rank for rank in known]


def best(table: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Which of the shown cells hold the highest accuracy of their column, where that is a statement.

    It is none where another line shares the first rank, or has a value within the interval of the highest.
    """
    known, score = accuracies(table), ranking_column(table)
    first = [rank == 1 for rank in table["rank"].fillna(0)]
    strong = {c: [False] * len(table) for c in shown} | {c: _alone(table, c) for c in known if c in shown}
    if score in strong:
        strong[score] = first if sum(first) == 1 < len(table) else [False] * len(table)
    return pd.DataFrame(strong, index=table.index)


def _alone(table: pd.DataFrame, column: str) -> list[bool]:
    """Which line has the highest value, if all others are below its interval."""
    highest, low = table[column].max(), table[f"{column} low"][table[column] == table[column].max()].min()
    near = int((table[column] >= low).sum())
    return [bool(value == highest) and near == 1 < len(table) for value in table[column]]


def caption(table: pd.DataFrame) -> str:
    """What the numbers of the table are."""
    n, score = table["n"].iloc[0], ranking_column(table)
    several = (table["seeds"] > 1).any()
    text = f"Accuracy in percent on n={n} images{'' if several or table['external'].all() else ', one training seed'}; "
    text += "± is the wider side of the 95 % Wilson interval"
    text += " of one seed, or the standard deviation over several." if several else "."
    text += _bold_caption(table)
    if "Worst" in table:
        text += " Worst counts images that are right when clean and under every attack shown"
        text += " (.last is not counted)." if any(".last" in column for column in accuracies(table)) else "."
    if len(table) > 1:
        text += (
            f" Ranked by {score}; = marks ranks that are shared, as an exact paired test does not separate these lines "
            "from the first of them (5 %, corrected by Holm's method for all lines below that one)."
        )
    if table["passes"].notna().all():
        text += " Passes are forward and backward, per image of a training step"
        text += "; MiB is the memory at its highest." if table["memory"].notna().all() else "."
    return text


def _bold_caption(table: pd.DataFrame) -> str:
    bold = best(table, display(table, ())).any(axis=None)
    return " Bold: the highest, where no other line is within its interval or shares its rank." if bold else ""


def notes(table: pd.DataFrame) -> list[str]:
    """What the cells have no room for: why they failed, what is suspected, which seeds are missing or collapsed."""
    found = []
    for line in table.to_dict("records"):
        name = line_name(line["recipe"])
        for column in accuracies(table):
            status, seeds = line[f"{column} status"], line[f"{column} seeds"]
            if status not in ("ok", "missing"):
                found.append(f"{name}, {column}: {status}.")
            elif 0 < seeds < line["seeds"]:
                found.append(f"{name}, {column}: {seeds} of {line['seeds']} seeds.")
        if ":" in line["verdict"]:
            found.append(f"{name} is {line['verdict']}.")
    alarmed = table[table["alarms"] != ""].groupby("alarms", sort=False)["recipe"].unique()
    found += [f"{', '.join(map(line_name, recipes))}: {alarms}." for alarms, recipes in alarmed.items()]
    return [" ".join(note.split()) for note in found]


def accuracy_text(line: Mapping[Any, Any], column: str, digits: int = 1) -> str:
    """One accuracy of one line of a table, or why there is none."""
    if not math.isnan(line[column]):
        return f"{line[column]:.{digits}f}"
    return "failed" if line[f"{column} status"].startswith("failed") else MISSING


def _standard_deviation(line: Mapping[Any, Any], column: str) -> str:
    value, std = line[column], line[f"{column} std"]
    if math.isnan(value):
        return ""
    half = max(line[f"{column} high"] - value, value - line[f"{column} low"]) if math.isnan(std) else std
    return f" ±{half:.1f}"


def _number(value: float) -> str:
    return MISSING if pd.isna(value) else f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"
