"""Compares all pairs of lines of a board by image, with significance tests."""

import base64
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from bench.core.files import Bits
from bench.core.stats import holm, mcnemar, paired_bootstrap
from bench.report.accuracy import SeedAccuracy, measurements
from bench.report.labels import label_rows
from bench.report.leaderboard.page import Report
from bench.report.leaderboard.table import accuracies, ranking_column

MAX_SECOND_COST = 1_000_000  # pairs x images up to which a column is compared besides the one that ranks
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


class Comparison(NamedTuple):
    """The pairs of one column of a board."""

    column: str
    bits: Mapping[int, Seeds]  # outcomes by place of the line
    pairs: tuple[Pair, ...]


def compare_lines(report: Report, outcomes: Mapping[str, Bits]) -> list[Comparison]:
    """Compare lines by the column that ranks the board, and by other columns if that takes little time."""
    labels = [str(label) for label in report.table["recipe"]]
    runs = {
        str(label): measurements(part, outcomes) for label, part in label_rows(report.rows).groupby("label", sort=False)
    }
    score, n = ranking_column(report.table), int(report.rows["n"].iloc[0])
    found = []
    for column in dict.fromkeys([score, *accuracies(report.table)]):
        known = {place: own for place, label in enumerate(labels) if (own := _seeds(runs[label], column, n))}
        while len(known) > 1 and _cost(known, n) > MAX_COST:
            known.popitem()
        if len(known) > 1 and (column == score or _cost(known, n) <= MAX_SECOND_COST):
            found.append(Comparison(column, known, tuple(_pairs(known))))
    return found


def _seeds(runs: Sequence[Mapping[str, SeedAccuracy]], column: str, n: int) -> list[Bits]:
    """Outcomes of each seed that has the column; empty if those of one are missing."""
    seeds = [run[column].bits for run in runs if column in run]
    known = [bits for bits in seeds if bits is not None and len(bits) == n]
    return known if len(known) == len(seeds) else []


def _cost(known: Mapping[int, Seeds], n: int) -> int:
    return len(known) * (len(known) - 1) // 2 * n


def _pairs(known: Mapping[int, Seeds]) -> list[Pair]:
    pairs = [_pair(one, other, known[one], known[other]) for one, other in combinations(known, 2)]
    corrected = holm([pair.p for pair in pairs])
    return [pair._replace(p_holm=p) for pair, p in zip(pairs, corrected, strict=True)]


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
