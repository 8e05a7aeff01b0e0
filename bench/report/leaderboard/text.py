"""One leaderboard as text: rounded numbers, caption and notes."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import pandas as pd

from bench.core.parsing import LAST_SUFFIX, format_count
from bench.report.labels import AUTOATTACK, condition_name, line_name
from bench.report.leaderboard.table import accuracies, count_attacked, drop_unattacked, ranking_column
from bench.report.table_formats.table_text import MISSING

LEFT_COLUMNS = ("Recipe", "Verdict")  # columns set flush left
PARTIAL_STATUS = "partial: without "  # how the status of Worst begins where it leaves attacks out
COST_COLUMNS = {"Passes": "passes", "MiB": "memory"}  # no seconds, which depend on the load of the machine


def heads(table: pd.DataFrame) -> list[str]:
    """The titles of the columns of accuracies."""
    return [condition_name(column) for column in accuracies(table)]


def display(table: pd.DataFrame, spread: Collection[str]) -> pd.DataFrame:
    """The table as text. spread: titles of the accuracies that are shown with their interval."""
    lines = [{str(key): value for key, value in line.items()} for line in table.to_dict("records")]
    shown = {"#": ranks(table["rank"]), "Recipe": [line_name(recipe) for recipe in table["recipe"]]}
    for column, name in zip(accuracies(table), heads(table), strict=True):
        shown[name] = [
            accuracy_text(line, column) + (_half_interval(line, column) if name in spread else "") for line in lines
        ]
    if (table["seeds"] > 1).any():
        shown["Seeds"] = [str(seeds) for seeds in table["seeds"]]
    for name, column in COST_COLUMNS.items():
        if table[column].notna().all():  # beside a line that has none, a number compares with nothing
            shown[name] = [_number(cost) for cost in table[column]]
    shown["Verdict"] = [verdict.partition(":")[0] or MISSING for verdict in table["verdict"]]
    return pd.DataFrame(shown, index=table.index)


def ranks(ranks: Iterable[float]) -> list[str]:
    """Ranks as text, `=2` where several lines share it."""
    known = [MISSING if pd.isna(rank) else str(rank) for rank in ranks]
    return [f"={rank}" if rank != MISSING and known.count(rank) > 1 else rank for rank in known]


def best(table: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Which cells hold the clearly highest accuracy of their column, a frame of bool like `shown`.

    None if another line shares the first rank, or has a value within the interval of the highest.
    """
    known = {name: c for c in accuracies(table) for name in (c, condition_name(c))}
    score = ranking_column(table)
    score = score if score in shown else condition_name(score)
    first = [rank == 1 for rank in table["rank"].fillna(0)]
    strong = {c: _is_clearly_best(table, known[c]) if c in known else [False] * len(table) for c in shown}
    if score in strong:
        strong[score] = first if sum(first) == 1 < len(table) else [False] * len(table)
    return pd.DataFrame(strong, index=table.index)


def _is_clearly_best(table: pd.DataFrame, column: str) -> list[bool]:
    """For each line whether it has the highest value and all others are below its interval."""
    highest, low = table[column].max(), table[f"{column} low"][table[column] == table[column].max()].min()
    near = int((table[column] >= low).sum())
    return [bool(value == highest) and near == 1 < len(table) for value in table[column]]


def caption(table: pd.DataFrame) -> str:
    """The sentences that explain the numbers of the table."""
    n, score = table["n"].iloc[0], condition_name(ranking_column(table))
    several = (table["seeds"] > 1).any()
    text = f"Accuracy in percent on n={n} images{'' if several or table['external'].all() else ', one training seed'}; "
    text += "± is the wider side of the 95 % Wilson interval"
    text += " of one seed, or the standard deviation over several." if several else "."
    text += _bold_caption(table)
    if "Worst" in table:
        text += " Worst counts images that are right when clean and under every attack shown"
        text += " (.last is not counted)." if any(LAST_SUFFIX in column for column in accuracies(table)) else "."
    if len(table) > 1:
        text += (
            f" Ranked by {score}{_reason(table)}; = marks ranks that are shared, as an exact paired test "
            "does not separate these lines from the first of them "
            "(5 %, corrected by Holm's method for all lines below that one)."
        )
    if table["passes"].notna().all():
        text += " Passes are forward and backward, per image of a training step"
        text += "; MiB is the memory at its highest." if table["memory"].notna().all() else "."
    return text


def _reason(table: pd.DataFrame) -> str:
    """Why neither AutoAttack nor Worst ranks the lines of a board with attacks."""
    if ranking_column(table) in (AUTOATTACK, "Worst", "Clean"):
        return ""
    lines = int((table[f"{AUTOATTACK} status"] == "ok").sum()) if AUTOATTACK in table else 0
    if lines:
        return f", as {AUTOATTACK} is there for {lines} of {count_attacked(table)} lines only"
    return ", as fewer than half of the lines have every attack"


def _bold_caption(table: pd.DataFrame) -> str:
    bold = best(table, display(table, ())).any(axis=None)
    return " Bold: the highest, where no other line is within its interval or shares its rank." if bold else ""


def notes(table: pd.DataFrame) -> list[str]:
    """Sentences below the table: failures, doubts, and missing or collapsed seeds.

    Lines with the same remark share a sentence.
    """
    found: dict[str, list[str]] = {}  # recipes by remark
    score = ranking_column(table)
    for line in table.to_dict("records"):
        for column in accuracies(table):
            name, status, seeds = quote(condition_name(column)), line[f"{column} status"], line[f"{column} seeds"]
            if status.startswith(PARTIAL_STATUS):
                left_out = _with_names(status.removeprefix(PARTIAL_STATUS), table)
                found.setdefault(f": {name} leaves out {left_out}.", []).append(line["recipe"])
            elif status not in ("ok", "missing"):
                found.setdefault(f", {name}: {_with_names(status, table)}.", []).append(line["recipe"])
            elif 0 < seeds < line["seeds"]:
                found.setdefault(f", {name}: {seeds} of {format_count(line['seeds'], 'seed')}.", []).append(
                    line["recipe"]
                )
        if pd.isna(line["rank"]) and line[f"{score} status"] == "ok":
            found.setdefault(": no rank, as the images that are right are not stored.", []).append(line["recipe"])
        if ":" in line["verdict"]:
            found.setdefault(f" is {_with_names(line['verdict'], table)}.", []).append(line["recipe"])
    for line in table[table["alarms"] != ""].to_dict("records"):
        found.setdefault(f": {line['alarms']}.", []).append(line["recipe"])
    there = drop_unattacked(table).index
    if absent := [line_name(recipe) for recipe in table["recipe"].drop(there)]:
        found[f"Evaluated on clean images alone, and not shown: {', '.join(absent)}."] = []
    sentences = [", ".join(map(line_name, dict.fromkeys(recipes))) + text for text, recipes in found.items()]
    return [" ".join(note.split()) for note in sentences]


def _with_names(text: str, table: pd.DataFrame) -> str:
    """Replace names of columns in a text by their titles."""
    for column in accuracies(table):
        text = text.replace(column, quote(condition_name(column))) if "[" in column else text
    return text


def quote(name: str) -> str:
    """Put a name with commas in quotes, for lists."""
    return f'"{name}"' if "," in name else name


def accuracy_text(line: Mapping[Any, Any], column: str, digits: int = 1) -> str:
    """One accuracy of one line as text, or `failed` or a dash."""
    if not math.isnan(line[column]):
        return f"{line[column]:.{digits}f}"
    return "failed" if line[f"{column} status"].startswith("failed") else MISSING


def _half_interval(line: Mapping[Any, Any], column: str) -> str:
    value, std = line[column], line[f"{column} std"]
    if math.isnan(value):
        return ""
    half = max(line[f"{column} high"] - value, value - line[f"{column} low"]) if math.isnan(std) else std
    return f" ±{half:.1f}"


def _number(value: float) -> str:
    return MISSING if pd.isna(value) else f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"
