"""The scores of attacks that the bench was shipped with, from `bench exam --scores`."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from bench.report.labels import columns
from bench.report.rows import attack_rows

FILE = Path(__file__).parent / "scores.csv"


class AttackScore(NamedTuple):
    """What an attack has found of the errors that exist, and the median distance of what it found.

    radius: as a multiple of the distance of the nearest error; inf if it found none for half of the images.
    """

    found: int
    exist: int
    radius: float

    @property
    def share(self) -> str:
        """The share of the errors that it found, in percent, rounded down."""
        return f"{100 * self.found // self.exist} %"


@cache
def shipped_scores() -> dict[tuple[str, str], AttackScore]:
    """The scores by name and settings of the attack (as in the column `params` of a row)."""
    table = pd.read_csv(FILE, keep_default_na=False)
    return {
        (str(line["attack"]), str(line["params"])): AttackScore(int(line["found"]), int(line["exist"]), line["radius"])
        for line in table.to_dict("records")
    }


def score_texts(rows: pd.DataFrame) -> dict[str, str]:
    """A sentence on each column of rows whose attack has a score; a column of several settings has none."""
    texts = {}
    for title, group in attack_rows(rows).groupby(columns(rows)):
        uses = {(str(name), str(params)) for name, params in zip(group["name"], group["params"], strict=True)}
        found = shipped_scores().get(next(iter(uses))) if len(uses) == 1 else None
        if found:
            texts[str(title)] = f"in the exam of attacks it finds {found.share} of the errors that exist (bench exam)"
    return texts
