"""Which curves a figure shows where a table has more recipes than can be told apart."""

import pandas as pd

MAX_CURVES = 10  # most recipes in a panel of curves; the CSV files have all


def best_recipes(points: pd.DataFrame, value: str) -> tuple[list[str], str]:
    """The MAX_CURVES recipes with the highest means, best first, and the addition to the title if others are left out.

    points: with a column `recipe`. value: the column of the numbers.
    """
    means = points.groupby("recipe")[value].mean().sort_values(ascending=False, kind="stable")
    return list(map(str, means.index[:MAX_CURVES])), best_of(MAX_CURVES, len(means))


def best_of(most: int, count: int) -> str:
    """Addition to the title of a figure that shows at most `most` of its lines; empty if it shows all."""
    return f" (best {most} of {count})" if count > most else ""
