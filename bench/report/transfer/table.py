"""Transfer matrices, each a pure function of the rows of one attack and of the outcomes behind them."""

import math
from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.core.files import Bits
from bench.core.stats import wilson
from bench.report.boards import Board
from bench.report.labels import columns, titles
from bench.report.rows import accuracies, of_kind
from bench.results.row import model_id

CELL = ["protocol", "run", "view", "epoch", "source", "name", "params", "norm", "eps", "n"]


class TransferMatrix(NamedTuple):
    """What one attack, crafted on each source, leaves right of each target. Fractions; NaN where there is no number."""

    cells: pd.DataFrame  # a line a source and target, the targets' own rows first among the sources
    bounds: pd.DataFrame  # a line a target
    titles: Mapping[str, str]  # what each model is called in both, by `results.row.model_id`


def matrices(rows: pd.DataFrame, outcomes: Mapping[str, Bits]) -> dict[tuple[Board, str], TransferMatrix]:
    """Of `results.load()`: one for each group of comparable targets and each attack, by its name.

    outcomes: right or wrong by image, under the key of the row.
    """
    rows = accuracies(rows).assign(eps=rows["eps"].round(7))
    rows = rows.drop_duplicates(CELL, keep="last")
    moved = of_kind(rows, "attack")
    moved = moved[moved["source"] != ""]
    moved = moved.assign(column=columns(moved))
    found = {}
    shared: Any  # the key of a group is only Hashable to the type checker
    for shared, part in moved.groupby(
        ["protocol", "dataset", "model", "norm", "eps", "budget", "n", "data", "column"], sort=False
    ):
        *where, attack = shared
        board = Board(*where)
        clean = of_kind(rows, "clean")
        clean = clean[clean["protocol"] == board.protocol]
        clean = clean[(clean["dataset"] == board.dataset) & (clean["n"] == board.n) & clean["key"].isin([*outcomes])]
        unharmed = dict(zip(_places(clean), clean["key"].map(outcomes.__getitem__), strict=True))
        found[board, str(attack)] = matrix(part, outcomes, unharmed)
    return found


def matrix(rows: pd.DataFrame, outcomes: Mapping[str, Bits], clean: Mapping[str, Bits]) -> TransferMatrix:
    """rows: of one attack. clean: outcomes on the images as they are, by place."""
    targets = list(dict.fromkeys(_places(rows)))
    sources = [*targets, *rows["source"].unique()]
    sources = [name for name in dict.fromkeys(sources) if name in set(rows["source"])]
    named = titles(dict.fromkeys([*targets, *sources]))
    known = dict(zip(zip(rows["source"], _places(rows), strict=True), rows.to_dict("records"), strict=True))
    cells, bounds = [], []
    for target in targets:
        others = {name: known[name, target] for name in sources if (name, target) in known and not own(name, target)}
        bits = {name: outcomes[row["key"]] for name, row in others.items() if row["key"] in outcomes}
        without = [named[name] for name in sources if not own(name, target) and name not in bits]
        worst = reduce(np.logical_and, bits.values()) if bits else None
        itself = known.get((target, target))
        bounds.append(
            {"target": named[target]}
            | _share("clean", clean.get(target))
            | _share("white_box", outcomes.get(itself["key"]) if itself else None)
            | _share("black_box", worst)
            | {"sources": len(bits), "without": ", ".join(without)}
        )
    for source in sources:
        for target in targets:
            row, both = known.get((source, target)), None
            if row and row["key"] in outcomes and source in clean and target in clean:
                both = outcomes[row["key"]][clean[source] & clean[target]]
            cells.append(
                {
                    "source": named[source],
                    "target": named[target],
                    "itself": source == target,
                    "own": own(source, target),
                }
                | {field: row[name] if row else math.nan for field, name in FIELDS.items()}
                | {"status": row["status"] if row else "missing", "verdict": row["verdict"] if row else ""}
                | _share("both", both)
                | {"both_n": 0 if both is None else len(both)}
            )
    return TransferMatrix(pd.DataFrame(cells), pd.DataFrame(bounds), named)


FIELDS = {"value": "value", "low": "ci_low", "high": "ci_high", "n": "n"}


def own(source: str, target: str) -> bool:
    """Whether both come of one training: another epoch or view of a model is no stranger to it."""
    return source.partition("@")[0] == target.partition("@")[0]


def _places(rows: pd.DataFrame) -> list[str]:
    return [model_id(*model) for model in zip(rows["run"], rows["epoch"], rows["view"], strict=True)]


def _share(name: str, bits: Bits | None) -> dict[str, float]:
    """The share that is right and its 95 % Wilson interval."""
    if bits is None or not len(bits):
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), math.nan)
    low, high = wilson(int(bits.sum()), len(bits))
    return {name: float(bits.mean()), f"{name}_low": low, f"{name}_high": high}
