"""A leaderboard as a reader sees it: rounded numbers, the caption, and the notes below."""

import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from bench.report.leaderboard.table import accuracies, ranking_column

MISSING = "\N{EN DASH}"
COST = {"Passes": "passes", "Train s": "seconds", "MiB": "memory"}


def display(table: pd.DataFrame, spread: Collection[str]) -> pd.DataFrame:
    """The table as text. spread: the accuracies that are shown with their interval."""
    lines = [{str(key): value for key, value in line.items()} for line in table.to_dict("records")]
    shown = {"#": [_number(rank) for rank in table["rank"]], "Recipe": list(table["recipe"])}
    for column in accuracies(table):
        shown[column] = [
            plain(line, column) + (_standard_deviation(line, column) if column in spread else "") for line in lines
        ]
    if (table["seeds"] > 1).any():
        shown["Seeds"] = [str(seeds) for seeds in table["seeds"]]
    for name, column in COST.items():
        if table[column].notna().any():
            shown[name] = [_number(cost) for cost in table[column]]
    shown["Verdict"] = [verdict.partition(":")[0] or MISSING for verdict in table["verdict"]]
    return pd.DataFrame(shown)


def best(table: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """Which of the shown cells hold the highest accuracy of their column."""
    known = accuracies(table)
    return pd.DataFrame({c: table[c] == table[c].max() if c in known else False for c in shown}, index=table.index)


def caption(table: pd.DataFrame) -> str:
    """What the numbers of the table are."""
    n, score = table["n"].iloc[0], ranking_column(table)
    several = (table["seeds"] > 1).any()
    text = f"Accuracy in percent on n={n} images{'' if several else ', one training seed'}; "
    text += "± is the wider side of the 95 % Wilson interval"
    text += " of one seed, or the standard deviation over several." if several else "."
    if "Worst" in table:
        text += " Worst counts images that are right when clean and under every attack shown"
        text += " (.last is not counted)." if any(".last" in column for column in accuracies(table)) else "."
    text += f" Ranked by {score}; lines that an exact paired test (5 %) does not separate share a rank."
    if table["passes"].notna().any():
        text += " Passes are forward and backward, per image of a training step; MiB the memory at its highest."
    return text


def notes(table: pd.DataFrame) -> list[str]:
    """What the cells have no room for: why they failed, what is suspected, which seeds are missing or collapsed."""
    found = []
    for line in table.to_dict("records"):
        for column in accuracies(table):
            status, seeds = line[f"{column} status"], line[f"{column} seeds"]
            if status not in ("ok", "missing"):
                found.append(f"{line['recipe']}, {column}: {status}.")
            elif 0 < seeds < line["seeds"]:
                found.append(f"{line['recipe']}, {column}: {seeds} of {line['seeds']} seeds.")
        if ":" in line["verdict"]:
            found.append(f"{line['recipe']} is {line['verdict']}.")
    alarmed = table[table["alarms"] != ""].groupby("alarms", sort=False)["recipe"].unique()
    found += [f"{', '.join(recipes)}: {alarms}." for alarms, recipes in alarmed.items()]
    return [" ".join(note.split()) for note in found]


def plain(line: Mapping[Any, Any], column: str, digits: int = 1) -> str:
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
