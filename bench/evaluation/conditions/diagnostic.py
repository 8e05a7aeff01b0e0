"""Conditions that do nothing to an image: something else than accuracy is measured of the model."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.core.files import Bits
from bench.core.stats import Array, Summary
from bench.evaluation.conditions.base import Caption

Statistic = Literal["min", "mean", "max"]
Group = Literal["all", "right", "wrong"]


@dataclass(frozen=True)
class Diagnosed:
    """A statistic of one number an image."""

    name: str  # in DIAGNOSTICS
    statistic: Statistic
    group: Group  # of the clean images

    @property
    def caption(self) -> Caption:
        label = f"{self.statistic} {self.name}, {self.group}"
        return Caption(label, "diagnostic", self.name, metric=f"{self.statistic} {self.group}")

    def summary(self, values: Array, right: Bits) -> Summary:
        """The statistic over the group; None where it is empty."""
        member = {"all": np.ones_like(right), "right": right, "wrong": ~right}[self.group]
        if not member.any():
            return None, None, None, 0
        chosen = values[member]
        value = {"min": chosen.min(), "mean": chosen.mean(), "max": chosen.max()}[self.statistic]
        return float(value), None, None, len(chosen)
