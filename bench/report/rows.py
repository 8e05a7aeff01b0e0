"""Selections of stored rows that several tables share."""

import pandas as pd

MODEL_COLUMNS = ["run", "view", "epoch"]  # identify a model
COMPARABLE = ["protocol", "dataset", "model", "budget", "n", "data"]  # equal in all rows of one table


def of_kind(rows: pd.DataFrame, *kinds: str) -> pd.DataFrame:
    """The rows of these kinds of condition."""
    return rows[rows["kind"].isin(kinds)]


def accuracies(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose value is an accuracy: no mean distances, success rates or diagnostics."""
    return rows[rows["metric"] == "accuracy"]


def white_box(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without transfer: clean images, and attacks crafted on the model itself."""
    return rows[rows["source"] == ""]


def of_plugins(rows: pd.DataFrame) -> pd.Series:
    """Whether each row is of a kind that a plug-in registered, `x-name`."""
    return rows["kind"].str.startswith("x-")
