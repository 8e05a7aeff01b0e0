"""How a model is optimised. Everything here is a value, so that its repr can name a run."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Plan:
    """Optimiser, schedule and length of one training."""

    epochs: int
    batch_size: int = 128
    optimiser: Literal["sgd", "adam"] = "sgd"
    lr: float = 0.1
    momentum: float = 0.9  # of SGD; Adam keeps its own defaults
    weight_decay: float = 5e-4
    decay: Literal["all", "kernels"] = "all"  # kernels: neither biases nor batch norms decay
    schedule: Literal["steps", "cosine"] = "steps"
    milestones: tuple[float, ...] = (0.5, 0.75)  # of "steps": fractions of the run after which lr falls tenfold

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        if self.schedule == "cosine":
            return self.lr * (1 + math.cos(math.pi * epoch / self.epochs)) / 2
        return float(self.lr * 0.1 ** sum(epoch >= m * self.epochs for m in self.milestones))
