"""What training and attacking in bf16 instead of fp32 changes, as pure functions of the rows of `load_results`."""

import json
import math
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.core.files import Bits
from bench.core.stats import mean_interval, paired_bootstrap
from bench.report.boards import Board, groups
from bench.report.labels import column_order, columns, label_rows
from bench.results.kinds import CLEAN
from bench.results.row import EXTERNAL

BF16 = "bf16"  # the word in the text of a budget
COLUMNS = ["recipe", "column", "fp32", "bf16", "points", "low", "high", "seeds", "n", "status", "verdict"]
OF_THE_TRAINING = ("name", "recipe", "plan", "threads", "extra", "extra_share", "train_eps")  # fields of job.json
CELL = ["recipe", "training", "seed", "view", "epoch", "kind", "column"]  # equal in two measurements to compare
NO_OUTCOMES = "the outcomes of its images are not stored"


class BothPrecisions(NamedTuple):
    """The rows of two boards that differ in their precision alone, with `label`, `column` and `training`."""

    fp32: pd.DataFrame
    bf16: pd.DataFrame


def training_without_precision(run: str, job: Mapping[str, Any]) -> str:
    """What a training shares with the same in another precision, from its job.json; of a model from outside its run.

    The hash in a run's name tells precisions apart, also in the name of the run that a training starts from. A field
    that an older job.json lacks counts as empty.
    """
    if run.split("/")[1] == EXTERNAL:
        return run
    start = str(job.get("start") or "").rpartition("-")[0]
    return json.dumps([start, *(job.get(field) or None for field in OF_THE_TRAINING)], sort_keys=True)


def precision_boards(rows: pd.DataFrame) -> dict[Board, BothPrecisions]:
    """The rows of each board in fp32 of which there is the same in bf16, by the board in fp32.

    rows: with a column `training`, of `training_without_precision`.
    """
    boards = groups(rows)
    in_bf16 = {_without_precision(board): part for board, part in boards.items() if _is_bf16(board)}
    found = {board: (part, in_bf16[board]) for board, part in boards.items() if board in in_bf16}
    return {board: _label(*parts) for board, parts in found.items() if not _is_bf16(board)}


def _is_bf16(board: Board) -> bool:
    return BF16 in board.budget.split(", ")


def _without_precision(board: Board) -> Board:
    return board._replace(budget=", ".join(word for word in board.budget.split(", ") if word != BF16))


def _label(*parts: pd.DataFrame) -> BothPrecisions:
    titles = columns(pd.concat(parts))  # of both together: settings that distinguish two attacks may be in one alone
    labelled = [label_rows(part).assign(column=lambda rows: titles[rows.index]) for part in parts]
    return BothPrecisions(*(part.drop_duplicates(CELL, keep="last") for part in labelled))


def precision_table(both: BothPrecisions, outcomes: Mapping[str, Bits]) -> pd.DataFrame:
    """A line for each accuracy that the same trainings have in both precisions.

    Columns: recipe; column (the accuracy, as on a board); fp32, bf16 (percent, means over the seeds that both have);
    points, low, high (bf16 minus fp32 in percentage points, with its 95 % interval: of a paired bootstrap over images
    for one seed, Student's over the seeds' differences for several); seeds; n (images); status (ok, or what is
    lacking); verdict (of the attacks, with their precision; empty where all are ok).

    Args:
        outcomes: (n,) bool by key of the row, True where the model is correct.
    """
    pairs = both.fp32.merge(both.bf16, on=CELL, suffixes=("", " bf16"))
    records = [
        {"recipe": label, "column": column, "kind": kind, **_difference(cells, outcomes)}
        for (label, kind, column), cells in pairs.groupby(["label", "kind", "column"], sort=False)
    ]
    lines = list(dict.fromkeys(record["recipe"] for record in records))
    records.sort(key=lambda record: (lines.index(record["recipe"]), *_order(record["kind"], record["column"])))
    return pd.DataFrame(records, columns=COLUMNS)


def _order(kind: str, column: str) -> tuple[bool, bool, tuple[int, int, str]]:
    """Clean images first, then the attacks as on a board, then conditions of plug-ins."""
    return kind != CLEAN, kind.startswith("x-"), column_order(column)


def _difference(cells: pd.DataFrame, outcomes: Mapping[str, Bits]) -> dict[str, Any]:
    """The columns of the table after `column`. cells: a line for each seed, with what both precisions measured."""
    failed = [text for name in ("status", "status bf16") for text in cells[name] if text.startswith("failed")]
    about = {"seeds": len(cells), "n": cells["n"].iloc[0], "verdict": _verdicts(cells)}
    if failed:
        return {**about, "status": failed[0]}
    fp32, bf16 = (100 * cells[name].to_numpy() for name in ("value", "value bf16"))
    about |= {"fp32": fmean(fp32), "bf16": fmean(bf16), "points": fmean(bf16 - fp32), "status": "ok"}
    if len(cells) > 1:
        low, high = mean_interval((bf16 - fp32).tolist())
        return {**about, "low": max(-100.0, low), "high": min(100.0, high)}
    bits = [outcomes.get(cells[name].iloc[0]) for name in ("key bf16", "key")]
    if bits[0] is None or bits[1] is None:
        return {**about, "low": math.nan, "high": math.nan, "status": NO_OUTCOMES}
    low, high = paired_bootstrap(*([found] for found in bits if found is not None))
    return {**about, "low": 100 * low, "high": 100 * high}


def _verdicts(cells: pd.DataFrame) -> str:
    found = {"fp32": cells["verdict"], "bf16": cells["verdict bf16"]}
    texts = [f"{text} (in {name})" for name, verdicts in found.items() for text in verdicts if text not in ("", "ok")]
    return "; ".join(dict.fromkeys(texts))


def uncompared(both: BothPrecisions) -> dict[str, list[str]]:
    """By precision, what was measured in it alone: lines, and of the others the columns and seeds that have no pair."""
    places = [pd.MultiIndex.from_frame(part[CELL]) for part in both]
    paired = (mine.isin(others) for mine, others in zip(places, reversed(places), strict=True))
    return {name: list(_alone(part, has_pair)) for name, part, has_pair in zip(both._fields, both, paired, strict=True)}


def _alone(part: pd.DataFrame, has_pair: np.ndarray[Any, np.dtype[np.bool_]]) -> Iterator[str]:
    for label, mine in part.assign(paired=has_pair).groupby("label", sort=False):
        known = set(mine.loc[mine["paired"], "column"])
        rest = mine[~mine["paired"]]
        found = sorted(zip(rest["kind"], rest["column"], rest["seed"], strict=True), key=lambda cell: _order(*cell[:2]))
        texts = [f"{column} of seed {seed}" if column in known else column for _, column, seed in found]
        if texts:
            yield f"{label}: {', '.join(dict.fromkeys(texts))}" if known else str(label)
