"""Which epoch of a training is its best, from the accuracies on the hold-out that train.csv lists."""

import math
from collections.abc import Mapping, Sequence

Score = tuple[float, float]  # accuracies under PGD-10 and on clean images, from 0 to 1


def epoch_score(record: Mapping[str, float], watched: str = "val") -> Score:
    """The score of an epoch: PGD-10 accuracy, then clean accuracy, which decides between equals.

    record: a line of train.csv; without a column for clean accuracy, the later of equals is the best. watched: first
    part of the columns' names, `val` for the weights themselves and `ema` for their average.
    """
    return record[f"{watched}_pgd"], record.get(f"{watched}_clean", 0.0)


def is_best_so_far(score: Score, best: Score) -> bool:
    """Whether an epoch takes the place of the best one before it: the later one does if both scores are equal.

    The score of the first epochs of an average can be NaN; any later epoch takes their place.
    """
    return score >= best or math.isnan(best[0])


def find_best_epoch(curve: Sequence[Mapping[str, float]]) -> int:
    """Place in the curve, from 0, of the best epoch. curve: lines of train.csv, one or more."""
    best = 0
    for place, record in enumerate(curve):
        if is_best_so_far(epoch_score(record), epoch_score(curve[best])):
            best = place
    return best
