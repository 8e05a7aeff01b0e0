"""The table of attacks on corrupted images: accuracy under both, beside corruption and attack alone."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bench.core.files import Bits
from bench.report.corruptions.seed_means import (
    ALL_SEVERITIES,
    SPREAD_FORMAT,
    by_severity,
    cell,
    clean_keys,
    pairs,
    percent,
)
from bench.report.labels import columns, condition_name, line_name
from bench.report.rows import corrupted_attack_rows
from bench.results.kinds import ATTACK, CLEAN, CORRUPTION, UNION

SHARE_NAMES = ("clean", "corrupted", "attacked", "both")
CAPTION = (
    "Both: attacked after corruption, in the ball around the corrupted image; right on that and on every point that "
    "the attack visits. Corrupted and Both are means over severities {severities}."
)


def attacks_of(rows: pd.DataFrame) -> pd.Series:
    """The title of each row's attack, the same whether it was on clean or on corrupted images."""
    union = rows["kind"] == UNION
    params = [
        json.dumps(json.loads(text)["attack"], sort_keys=True) if kind == UNION else text
        for kind, text in pairs(rows, "kind", "params")
    ]
    names = rows["name"].where(~union, rows["name"].str.partition("+")[2])
    return columns(rows.assign(kind=rows["kind"].where(~union, ATTACK), name=names, params=params))


def unions(part: pd.DataFrame, outcomes: Mapping[str, Bits]) -> pd.DataFrame:
    """Compute the table: a line for each recipe, corruption, attack and severity (ALL_SEVERITIES: over those attacked).

    Each of SHARE_NAMES has its 95 % interval (of several seeds: mean -+ standard deviation) and its status.
    """
    attacked = corrupted_attack_rows(part)
    severities = tuple(sorted(set(attacked["severity"])))
    clean, lines = clean_keys(part), []
    recipe: Any  # the key of a group is only Hashable to the type checker
    column: Any
    for (recipe, column), rows in attacked.groupby(["recipe", "column"], sort=False):
        corruption, _, attack = column.partition("+")
        own = part[(part["recipe"] == recipe) & part["run"].isin(rows["run"])]
        for severity, wanted in by_severity(severities):
            where = {
                "clean": (CLEAN, "Clean", (ALL_SEVERITIES,)),
                "corrupted": (CORRUPTION, corruption, wanted),
                "attacked": (ATTACK, attack, (ALL_SEVERITIES,)),
                "both": (UNION, column, wanted),
            }
            line = {"recipe": recipe, "corruption": corruption, "attack": attack, "severity": severity}
            for share, (kind, name, which) in where.items():
                found = cell(own[(own["kind"] == kind) & (own["column"] == name)], outcomes, clean, which)
                line |= {share: found["accuracy"], f"{share}_low": found["accuracy_low"]}
                line |= {f"{share}_high": found["accuracy_high"], f"{share}_status": found["status"]}
            lines.append(line | {"seeds": found["seeds"]})
    return pd.DataFrame(lines)


def means(lines: pd.DataFrame, spread: str = SPREAD_FORMAT) -> pd.DataFrame:
    """The table as text, means over severities. spread: format of the half interval behind a value; empty: none."""
    table = []
    for line in lines[lines["severity"] == ALL_SEVERITIES].to_dict("records"):
        what = {"Recipe": line_name(line["recipe"])}
        what |= {name.capitalize(): condition_name(line[name]) for name in ("corruption", "attack")}
        shares = {name.capitalize(): percent(line, name, line[f"{name}_status"], spread) for name in SHARE_NAMES}
        table.append(what | shares)
    return pd.DataFrame(table)


def caption(lines: pd.DataFrame) -> str:
    """The sentences that explain the table."""
    severities = sorted(set(lines["severity"]) - {ALL_SEVERITIES})
    return CAPTION.format(severities=", ".join(map(str, severities)))
