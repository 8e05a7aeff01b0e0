"""Compares all pairs of lines of a board by image, with significance tests."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.core.files import Bits
from bench.core.stats import holm, mcnemar, paired_bootstrap, paired_bootstraps
from bench.report.accuracy import SeedAccuracy, measurements
from bench.report.labels import label_rows
from bench.report.leaderboard.page import Report
from bench.report.leaderboard.table import accuracies, ranking_column

MAX_SECOND_COST = 1_000_000  # pairs x images up to which a column is compared besides the one that ranks
MAX_SECOND_PAIRS = 25_000  # pairs of all columns, about 1.5 MB of a page, up to which further columns are compared
MAX_COST = 8_000_000  # pairs x images, beyond which only the best lines are compared

Seeds = Sequence[Bits]


class Pair(NamedTuple):
    """Two lines, by their places on the board. The four counts are numbers of images, of one seed of each line.

    Of several seeds these are the two with the highest p-value, which also determines ranks. points, low, high:
    difference of the mean accuracies in percentage points, with its 95 % interval by paired bootstrap.
    """

    one: int
    other: int
    seed: int  # of the first line, counted from 0
    other_seed: int
    both: int
    only_one: int
    only_other: int
    neither: int
    points: float
    low: float
    high: float
    p: float  # McNemar's exact test
    p_holm: float  # corrected for the number of pairs


class ColumnPairs(NamedTuple):
    """The pairs of one column of a board."""

    column: str
    bits: Mapping[int, Seeds]  # outcomes by place of the line
    pairs: tuple[Pair, ...]


def compare_lines(report: Report, outcomes: Mapping[str, Bits]) -> list[ColumnPairs]:
    """Compare lines by the column that ranks the board, and by other columns if that takes little time."""
    labels = [str(label) for label in report.table["recipe"]]
    runs = {
        str(label): measurements(part, outcomes) for label, part in label_rows(report.rows).groupby("label", sort=False)
    }
    score, n = ranking_column(report.table), int(report.rows["n"].iloc[0])
    found = list[ColumnPairs]()
    for column in dict.fromkeys([score, *accuracies(report.table)]):
        known = {place: own for place, label in enumerate(labels) if (own := _seeds(runs[label], column, n))}
        while len(known) > 1 and _cost(known, n) > MAX_COST:
            known.popitem()
        has_room = sum(len(one.pairs) for one in found) + _count(known) <= MAX_SECOND_PAIRS
        if len(known) > 1 and (column == score or (has_room and _cost(known, n) <= MAX_SECOND_COST)):
            found.append(ColumnPairs(column, known, tuple(_pairs(known))))
    return found


def _seeds(runs: Sequence[Mapping[str, SeedAccuracy]], column: str, n: int) -> list[Bits]:
    """Outcomes of each seed that has the column; empty if those of one are missing."""
    seeds = [run[column].bits for run in runs if column in run]
    known = [bits for bits in seeds if bits is not None and len(bits) == n]
    return known if len(known) == len(seeds) else []


def _cost(known: Mapping[int, Seeds], n: int) -> int:
    return _count(known) * n


def _count(known: Mapping[int, Seeds]) -> int:
    return len(known) * (len(known) - 1) // 2


def _pairs(known: Mapping[int, Seeds]) -> list[Pair]:
    if all(len(seeds) == 1 for seeds in known.values()):
        pairs = list(_pairs_of_single_seeds(list(known), np.array([seeds[0] for seeds in known.values()])))
    else:
        pairs = [_pair(one, other, known[one], known[other]) for one, other in combinations(known, 2)]
    corrected = holm([pair.p for pair in pairs])
    return [pair._replace(p_holm=p) for pair, p in zip(pairs, corrected, strict=True)]


def _pairs_of_single_seeds(places: Sequence[int], bits: NDArray[np.bool_]) -> Iterator[Pair]:
    """The same as `_pair` of all pairs, from all counts at once. bits: (lines, n)."""
    n, right = bits.shape[1], bits.sum(axis=1)
    shared = bits.astype(np.float32) @ bits.T.astype(np.float32)  # exact up to 2^24 images
    first, second = np.triu_indices(len(places), 1)
    both = shared[first, second].astype(np.int64)
    only_one, only_other = right[first] - both, right[second] - both
    counts, where = np.unique(np.stack([only_one, only_other]), axis=1, return_inverse=True)
    low, high = (100 * ends[where.ravel()] for ends in paired_bootstraps(counts[0], counts[1], n))
    columns = (first, second, both, only_one, only_other, low, high)
    for a, b, all_right, mine, others, lower, upper in zip(*(column.tolist() for column in columns), strict=True):
        four, p = (all_right, mine, others, n - all_right - mine - others), mcnemar(mine, others)
        yield Pair(places[a], places[b], 0, 0, *four, 100 * (mine - others) / n, lower, upper, p, p)


def _pair(one: int, other: int, first: Seeds, second: Seeds) -> Pair:
    tests = {
        (i, j): mcnemar(int((a & ~b).sum()), int((b & ~a).sum()))
        for (i, a), (j, b) in product(enumerate(first), enumerate(second))
    }
    (i, j), p = max(tests.items(), key=lambda test: test[1])
    a, b = first[i], second[j]
    low, high = paired_bootstrap(first, second)
    counts = int((a & b).sum()), int((a & ~b).sum()), int((b & ~a).sum()), int((~a & ~b).sum())
    points = 100 * float(np.mean(first) - np.mean(second))
    return Pair(one, other, i, j, *counts, points, 100 * low, 100 * high, p, p)


def pack(bits: Bits) -> str:
    """Encode outcomes in base64: eight images per byte, the first in the highest bit."""
    return base64.b64encode(np.packbits(bits).tobytes()).decode()
