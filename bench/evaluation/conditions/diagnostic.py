"""The condition that measures a number on each clean image, such as the norm of the input gradient."""

from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from bench.core.stats import Summary
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.diagnostics import DIAGNOSTICS
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.target import Target
from bench.results.kinds import DIAGNOSTIC

Statistic = Literal["min", "mean", "max"]
Group = Literal["all", "right", "wrong"]


@dataclass(frozen=True)
class Diagnosed(Condition):
    """The least, mean or largest value, over clean images, of a number that is measured on each of them."""

    kind = DIAGNOSTIC
    metrics = tuple(f"{statistic} {group}" for statistic, group in product(get_args(Statistic), get_args(Group)))

    name: str  # in DIAGNOSTICS
    statistic: Statistic
    group: Group  # all images, or those that the model classifies right or wrong

    @property
    def label(self) -> str:
        return f"{self.statistic} {self.name}, {self.group}"

    @property
    def metric(self) -> str:
        return f"{self.statistic} {self.group}"

    def base(self) -> "Diagnosed":
        return Diagnosed(self.name, "mean", "all")

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        right = is_correct(target.model, batch.x, batch.y, target.batch_size)
        parts = zip(*(torch.split(part, target.batch_size) for part in (batch.x, batch.y)), strict=True)
        outcome.values += torch.cat([DIAGNOSTICS[self.name](target.model, *part) for part in parts]).tolist()
        return right

    @classmethod
    def summarise(cls, metric: str, outcome: Outcome) -> Summary:
        """The statistic over the group; None where the group is empty."""
        statistic, group = metric.split()
        values, right = np.array(outcome.values), outcome.right
        member = {"all": np.ones_like(right), "right": right, "wrong": ~right}[group]
        if not member.any():
            return None, None, None, 0
        chosen = values[member]
        value = {"min": chosen.min(), "mean": chosen.mean(), "max": chosen.max()}[statistic]
        return float(value), None, None, len(chosen)


CONDITIONS.add("diagnostic", Diagnosed)
