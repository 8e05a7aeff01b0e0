"""What the epochs of a training have come to: its curve, and the weights of the best epoch."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from bench.results.best_epoch import Score, epoch_score, is_best_so_far
from bench.training.averaging import Average
from bench.training.monitor import Record


@dataclass
class History:
    """The epochs of a training so far.

    Args:
        curve: the record of each epoch.
        best: of the best epoch its score, its weights and its number from 0, as `pick_best` returns them.
        best_average: the same of the average of the weights, whose best epoch may be another; empty without one.
    """

    curve: list[Record] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    best_average: dict[str, Any] = field(default_factory=dict)

    def add(self, record: Record, model: nn.Module, average: Average | None) -> None:
        """Add an epoch, after which the model and the average of its weights are as given."""
        epoch = len(self.curve)
        self.curve.append(record)
        self.best = pick_best(self.best, model, epoch, epoch_score(record))
        if average is not None:
            self.best_average = pick_best(self.best_average, average.model, epoch, epoch_score(record, "ema"))


def pick_best(best: dict[str, Any], model: nn.Module, epoch: int, score: Score) -> dict[str, Any]:
    """The best epoch so far, now that another has this score: its score, a copy of its weights, its number from 0.

    best: what this returned after the epochs before, empty before the first. `bench.results.best_epoch` has the rule.
    """
    if best and not is_best_so_far(score, best["score"]):
        return best
    return {"score": score, "model": deepcopy(model.state_dict()), "epoch": epoch}
