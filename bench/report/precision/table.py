"""What training and attacking in bf16 instead of fp32 changes, as pure functions of the rows of `load_results`."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.core.files import Bits
from bench.core.stats import mean_interval, paired_bootstrap
from bench.report.accuracy import SeedAccuracy, measurements
from bench.report.boards import Board, groups
from bench.report.labels import columns, label_rows

BF16 = "bf16"  # the word in the text of a budget
COLUMNS = ["recipe", "column", "fp32", "bf16", "points", "low", "high", "seeds", "n", "status"]
Cells = dict[str, SeedAccuracy]  # by column of the board
Pair = tuple[SeedAccuracy, SeedAccuracy]  # of one seed, in fp32 and in bf16


class BothPrecisions(NamedTuple):
    """The rows of two boards that differ in their precision alone."""

    fp32: pd.DataFrame
    bf16: pd.DataFrame


def precision_boards(rows: pd.DataFrame) -> dict[Board, BothPrecisions]:
    """The rows of each board in fp32 of which there is the same in bf16, by the board in fp32."""
    boards = groups(rows)
    in_bf16 = {_without_precision(board): part for board, part in boards.items() if _is_bf16(board)}
    return {
        board: BothPrecisions(part, in_bf16[board])
        for board, part in boards.items()
        if not _is_bf16(board) and board in in_bf16
    }


def _is_bf16(board: Board) -> bool:
    return BF16 in board.budget.split(", ")


def _without_precision(board: Board) -> Board:
    return board._replace(budget=", ".join(word for word in board.budget.split(", ") if word != BF16))


def precision_table(both: BothPrecisions, outcomes: Mapping[str, Bits]) -> pd.DataFrame:
    """A line for each recipe and accuracy that were measured in both precisions with the same training seed.

    Columns: recipe; column (the accuracy, as on a board); fp32, bf16 (percent, means over the seeds that both have);
    points, low, high (fp32 minus bf16 in percentage points, with its 95 % interval); seeds; n (images). The interval
    is that of a paired bootstrap over images for one seed, and Student's over the seeds' differences for several;
    status: ok, or why there are no numbers.

    Args:
        outcomes: (n,) bool by key of the row, True where the model is correct.
    """
    fp32, bf16 = (_cells_by_seed(rows, outcomes) for rows in _rows_in_both(both))
    records = []
    for recipe, seeds in fp32.items():
        for column in dict.fromkeys(column for cells in seeds.values() for column in cells):
            pairs = [(one[column], bf16[recipe][seed][column]) for seed, one in seeds.items() if column in one]
            records.append({"recipe": recipe, "column": column, **_difference(pairs)})
    return pd.DataFrame(records, columns=COLUMNS)


def _rows_in_both(both: BothPrecisions) -> Iterator[pd.DataFrame]:
    """The rows of each precision, labelled, of which the other has the same recipe, seed and column.

    So an attack that ran in one of them alone counts towards Worst in neither.
    """
    titles = columns(pd.concat(both))  # of both together: settings that distinguish two attacks may be in one alone
    labelled = [label_rows(rows).assign(column=lambda part: titles[part.index]) for rows in both]
    places = [pd.MultiIndex.from_frame(part[["label", "seed", "column"]]) for part in labelled]
    for part, mine, others in zip(labelled, places, reversed(places), strict=True):
        yield part[mine.isin(others)]


def _cells_by_seed(rows: pd.DataFrame, outcomes: Mapping[str, Bits]) -> dict[str, dict[Hashable, Cells]]:
    """The accuracies of each recipe's line and seed."""
    found: dict[str, dict[Hashable, Cells]] = {}
    for label, of_label in rows.groupby("label", sort=False):
        for seed, part in of_label.groupby("seed"):
            (found.setdefault(str(label), {})[seed],) = measurements(part, outcomes)
    return found


def _difference(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The columns of the table after `column`."""
    failed = [cell.status for pair in pairs for cell in pair if cell.status.startswith("failed")]
    fp32, bf16 = ([cell.bits for cell in side if cell.bits is not None] for side in zip(*pairs, strict=True))
    if failed or not len(fp32) == len(bf16) == len(pairs):
        return {"seeds": len(pairs), "n": pairs[0][0].n, "status": failed[0] if failed else "missing"}
    differences = [100 * float(one.mean() - other.mean()) for one, other in zip(fp32, bf16, strict=True)]
    several = len(pairs) > 1
    low, high = mean_interval(differences) if several else (100 * end for end in paired_bootstrap(fp32, bf16))
    means = {"fp32": 100 * float(np.mean(fp32)), "bf16": 100 * float(np.mean(bf16)), "points": fmean(differences)}
    return {**means, "low": low, "high": high, "seeds": len(pairs), "n": pairs[0][0].n, "status": "ok"}


def unpaired_lines(both: BothPrecisions, table: pd.DataFrame) -> dict[str, list[str]]:
    """By precision, the lines of a board that are not in the table, as the other precision lacks them."""
    found = {name: label_rows(rows)["label"].unique() for name, rows in both._asdict().items()}
    return {name: [line for line in lines if line not in set(table["recipe"])] for name, lines in found.items()}
