"""How a model is optimised. Everything here is a value, so that its repr can name a run."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from bench.errors import BadInput
from bench.options import Options, option


@dataclass(frozen=True)
class Plan(Options):
    """Optimiser, schedule and length of one training."""

    epochs: int
    batch_size: int = 128
    optimiser: Literal["sgd", "adam"] = "sgd"
    lr: float = 0.1
    momentum: float = 0.9  # of SGD; Adam keeps its own defaults
    weight_decay: float = 5e-4
    schedule: Literal["steps", "cosine", "triangle"] = "steps"  # triangle: up to half of the run, then down to nothing
    milestones: tuple[float, ...] = (0.5, 0.75)  # of "steps": fractions of the run after which lr falls tenfold
    warm_up: float = option(0.0)  # share of the run in which lr rises to its full height
    pad: int | None = option(None)  # pixels around an image before the random crop; none: the data set's own
    flip: bool | None = option(None)  # random left-right flips; none: the data set's own

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise BadInput(f"epochs={self.epochs}, batch_size={self.batch_size}: at least 1 and 2")
        if not (0 < self.lr < math.inf and 0 <= self.momentum < 1 and 0 <= self.weight_decay < math.inf):
            raise BadInput(
                f"lr={self.lr:g}, momentum={self.momentum:g}, weight_decay={self.weight_decay:g}: "
                "lr is above 0, momentum in [0, 1), weight_decay at least 0"
            )
        if self.optimiser not in ("sgd", "adam") or self.schedule not in ("steps", "cosine", "triangle"):
            raise BadInput(
                f"optimiser={self.optimiser}, schedule={self.schedule}: sgd or adam, steps, cosine or triangle"
            )
        if not 0 <= self.warm_up < 1:
            raise BadInput(f"warm_up={self.warm_up:g}: a share of the run, from 0 and below 1")
        if not all(0 < m < 1 for m in self.milestones):
            raise BadInput(f"milestones={self.milestones}: shares of the run, above 0 and below 1")

    def fine_tuning(self) -> "Plan":
        """For a model that is trained already: as long, from a tenth of the learning rate down to nothing."""
        return replace(self, lr=self.lr / 10, schedule="cosine", warm_up=0.0)

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        if epoch + 1 < self.warm_up * self.epochs:
            return self.lr * (epoch + 1) / (self.warm_up * self.epochs)
        if self.schedule == "cosine":
            return self.lr * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        if self.schedule == "triangle":
            return self.lr * (1 - abs(2 * (epoch + 0.5) / self.epochs - 1))
        return float(self.lr * 0.1 ** sum(epoch >= m * self.epochs for m in self.milestones))


@dataclass(frozen=True)
class Budget:
    """A plan, and how many training and test images it is meant for (None: all)."""

    plan: Plan
    train: int | None = None
    test: int | None = None
