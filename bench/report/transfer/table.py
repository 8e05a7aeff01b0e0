"""Transfer matrices, pure functions of the rows of one attack and of their outcomes."""

import math
from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.core.files import Bits
from bench.core.parsing import RADIUS_DECIMALS
from bench.core.stats import wilson
from bench.report.boards import Board
from bench.report.labels import columns, line_name, titles
from bench.report.rows import accuracy_rows, attack_rows, clean_rows
from bench.results.row import model_id

CELL_COLUMNS = ["protocol", "budget", "run", "view", "epoch", "source", "name", "params", "norm", "eps", "n"]


class TransferMatrix(NamedTuple):
    """Accuracy of each target on images that one attack made on each source, from 0 to 1; NaN where missing."""

    cells: pd.DataFrame  # a line for each source and target; sources that are targets come first
    bounds: pd.DataFrame  # a line for each target: clean, white-box and black-box accuracy
    titles: Mapping[str, str]  # names of the models in both, by `results.row.model_id`


def matrices(rows: pd.DataFrame, outcomes: Mapping[str, Bits]) -> dict[tuple[Board, str], TransferMatrix]:
    """A matrix for each group of comparable targets and each attack.

    rows: of `results.load()`. outcomes: (n,) bool by key of the row, True where the model is correct.
    """
    rows = accuracy_rows(rows).assign(eps=rows["eps"].round(RADIUS_DECIMALS))
    rows = rows.drop_duplicates(CELL_COLUMNS, keep="last")
    moved = attack_rows(rows)
    moved = moved[moved["source"] != ""]
    moved = moved.assign(column=columns(moved))
    found = {}
    shared: Any  # the key of a group is only Hashable to the type checker
    for shared, part in moved.groupby(
        ["protocol", "dataset", "model", "norm", "eps", "budget", "n", "data", "column"], sort=False
    ):
        *where, attack = shared
        board = Board(*where)
        clean = clean_rows(rows)
        clean = clean[clean["protocol"] == board.protocol]
        clean = clean[(clean["dataset"] == board.dataset) & (clean["n"] == board.n) & clean["key"].isin([*outcomes])]
        unharmed = dict(zip(_model_ids(clean), clean["key"].map(outcomes.__getitem__), strict=True))
        found[board, str(attack)] = matrix(part, outcomes, unharmed)
    return found


def matrix(rows: pd.DataFrame, outcomes: Mapping[str, Bits], clean: Mapping[str, Bits]) -> TransferMatrix:
    """Compute one matrix. rows: of one attack. clean: outcomes on clean images by model id."""
    targets = list(dict.fromkeys(_model_ids(rows)))
    sources = [*targets, *rows["source"].unique()]
    sources = [name for name in dict.fromkeys(sources) if name in set(rows["source"])]
    named = titles(dict.fromkeys([*targets, *sources]))
    known = dict(zip(zip(rows["source"], _model_ids(rows), strict=True), rows.to_dict("records"), strict=True))
    cells, bounds = [], []
    for target in targets:
        others = {name: known[name, target] for name in sources if (name, target) in known and not is_own(name, target)}
        bits = {name: outcomes[row["key"]] for name, row in others.items() if row["key"] in outcomes}
        without = [line_name(named[name]) for name in sources if not is_own(name, target) and name not in bits]
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
                    "own": is_own(source, target),
                }
                | {field: row[name] if row else math.nan for field, name in VALUE_COLUMNS.items()}
                | {"status": row["status"] if row else "missing", "verdict": row["verdict"] if row else ""}
                | _share("both", both)
                | {"both_n": 0 if both is None else len(both)}
            )
    return TransferMatrix(pd.DataFrame(cells), pd.DataFrame(bounds), named)


VALUE_COLUMNS = {"value": "value", "low": "ci_low", "high": "ci_high", "n": "n"}


def is_own(source: str, target: str) -> bool:
    """Whether source and target are of one training, as other epochs and views are no black box to each other."""
    return source.partition("@")[0] == target.partition("@")[0]


def _model_ids(rows: pd.DataFrame) -> list[str]:
    return [model_id(*model) for model in zip(rows["run"], rows["epoch"], rows["view"], strict=True)]


def _share(name: str, bits: Bits | None) -> dict[str, float]:
    """Accuracy and its 95 % Wilson interval, as columns."""
    if bits is None or not len(bits):
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), math.nan)
    low, high = wilson(int(bits.sum()), len(bits))
    return {name: float(bits.mean()), f"{name}_low": low, f"{name}_high": high}
