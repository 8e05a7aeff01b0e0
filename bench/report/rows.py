"""Selections of stored rows that several tables share. Each takes rows with a column `kind`, and keeps their order."""

import pandas as pd

from bench.core.parsing import LAST_SUFFIX
from bench.results.kinds import ATTACK, CLEAN, CORRUPTION, SWEEP, UNION

MODEL_COLUMNS = ["run", "view", "epoch"]  # identify a model
COMPARABLE = ["protocol", "dataset", "model", "budget", "n", "data"]  # equal in all rows of one table


def clean_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of clean images."""
    return rows_of_kinds(rows, CLEAN)


def attack_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of attacks on clean images, one radius each; also those of images made on another model (transfer)."""
    return rows_of_kinds(rows, ATTACK)


def counted_attack_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The attacks that count towards Worst: not those scored on their last iterate alone (`.last`)."""
    attacks = attack_rows(rows)
    return attacks[~attacks["name"].str.endswith(LAST_SUFFIX)]


def clean_and_attack_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of clean images and of attacks on them."""
    return rows_of_kinds(rows, CLEAN, ATTACK)


def sweep_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of attacks over a range of radii."""
    return rows_of_kinds(rows, SWEEP)


def corruption_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of corrupted images, without attacks on them."""
    return rows_of_kinds(rows, CORRUPTION)


def corrupted_attack_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of attacks on images that are corrupted already."""
    return rows_of_kinds(rows, UNION)


def plugin_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of kinds that plug-ins registered."""
    return rows_of_kinds(rows, plugins=True)


def rows_of_kinds(rows: pd.DataFrame, *kinds: str, plugins: bool = False) -> pd.DataFrame:
    """The rows of these kinds of condition, and, with `plugins`, those of every kind `x-name` of a plug-in."""
    chosen = rows["kind"].isin(kinds)
    return rows[chosen | rows["kind"].str.startswith("x-") if plugins else chosen]


def accuracy_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose value is an accuracy: no mean distances, success rates or diagnostics."""
    return rows[rows["metric"] == "accuracy"]


def white_box_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without transfer: clean images, and attacks crafted on the model itself."""
    return rows[rows["source"] == ""]
