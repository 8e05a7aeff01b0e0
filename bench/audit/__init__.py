"""Should the robust accuracies of a model be believed? Read off stored rows and bits alone.

Of Pintor et al.'s six indicators (arXiv:2106.09947) 1, 4 and 6 are here: `zero-gradient`, an attack that had not
converged, `unbounded`; randomness, the cause that 2 looks for, is `changing`. The third, a success on the way
that the last iterate loses, and the fifth, a failure to transfer, cannot happen: any iterate counts, and the model
itself is the judge.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from bench.audit.limits import SIGNS
from bench.audit.outcomes import (
    Doubt,
    Met,
    above_clean,
    black_box_wins,
    clean_changes,
    effort_is_lost,
    eps_helps_the_model,
    gradient_misleads,
    many,
    standing,
    unreached,
)
from bench.results import Bits

MEASURED = ["kind", "name", "params", "eps", "source", "n"]  # the last of several measurements of one thing counts

__all__ = ["SIGNS", "Doubt", "audit"]


def audit(rows: pd.DataFrame, beside: pd.DataFrame, outcomes: Mapping[str, Bits]) -> list[Doubt]:
    """What is wrong with the numbers of one model; nothing where they may be believed.

    rows: its clean accuracy and those under attack, of one threat and n; `column` is what a table calls them.
    beside: other rows of the same model: transfer, other radii, and signs (`bench run --audit`).
    outcomes: which images were right, under the key of the row. What has no bits is not looked at.
    """
    clean = [outcomes[key] for key in rows.loc[rows["kind"] == "clean", "key"] if key in outcomes]
    attacks = _met(rows, outcomes)
    if not clean or not attacks:
        return []
    here = rows[rows["kind"] == "attack"].iloc[0]
    beside = beside[beside["norm"] == here["norm"]].drop_duplicates(MEASURED, keep="last")
    farther = beside["eps"] - here["eps"]
    same, larger = beside[farther.abs() < 1e-7], beside[(farther > 1e-7) & (beside["source"] == "")]
    counted = [met for met in attacks if not met.last]
    stranger = (same["source"] != "") & (same["source"].str.split("@").str[0] != here["run"])
    everyone = [*counted, *_met(same[stranger & (same["n"] == here["n"])], outcomes)]
    signs = list(_shown(same[same["metric"] == "share"]))
    doubts = [*(sign for sign in signs if sign.level == "invalid"), *clean_changes(clean[0], attacks)]
    if counted and standing(everyone):
        doubts += [sign for sign in signs if sign.level == "suspect"]
        doubts += [*black_box_wins(everyone), *effort_is_lost(counted), *gradient_misleads(counted)]
        doubts += unreached(counted) if math.isinf(here["eps"]) else []
        doubts += eps_helps_the_model(counted, _met(larger[larger["n"] == here["n"]], outcomes))
    return _once([*doubts, *above_clean(clean[0], attacks)])


def _once(doubts: Sequence[Doubt]) -> list[Doubt]:
    """Without those that another one says too, and more."""
    return [one for one in dict.fromkeys(doubts) if not any(d.reason.startswith(f"{one.reason}, ") for d in doubts)]


def _met(rows: pd.DataFrame, outcomes: Mapping[str, Bits]) -> list[Met]:
    attacks = rows[(rows["kind"] == "attack") & rows["key"].isin(list(outcomes)) & (rows["status"] == "ok")]
    attacks = attacks[attacks["metric"] == "accuracy"]
    titles = attacks["column"] if "column" in attacks else attacks["name"]
    fields = [titles, *(attacks[column] for column in ("name", "params", "key", "source"))]
    return [
        Met(f"{title} from {source}" if source else title, name, params, outcomes[key], source)
        for title, name, params, key, source in zip(*fields, strict=True)
    ]


def _shown(signs: pd.DataFrame) -> Iterator[Doubt]:
    """Signs that more images show than their limit allows."""
    for name, params, value, n in signs[["name", "params", "value", "n"]].itertuples(index=False):
        sign, images = SIGNS[name], round(value * n) if n else 0
        if many(images, n, sign):
            weak = f" under {json.loads(params)['attack']}, too weak for this model" if params else ""
            yield Doubt(sign.level, f"{images} of {n} images {sign.says}{weak}")
