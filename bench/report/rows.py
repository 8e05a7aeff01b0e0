"""Which rows of a table of rows are of a kind."""

import pandas as pd


def of_plugins(rows: pd.DataFrame) -> pd.Series:
    """Whether each row is of a kind that a plug-in brought, `x-name`."""
    return rows["kind"].str.startswith("x-")
