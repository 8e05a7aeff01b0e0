"""Conditions that do nothing to an image: something else than accuracy is measured of the model."""

import json
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.attacks import AttackSpec
from bench.caption import Caption
from bench.results import Bits
from bench.stats import Array, Summary, wilson
from bench.threat import Threat

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


@dataclass(frozen=True)
class Probed:
    """The model is probed for a sign that its accuracy under attack deceives."""

    sign: str  # in SIGNS
    threat: Threat
    attack: AttackSpec | None = None  # that is to find what is planted

    @property
    def caption(self) -> Caption:
        label = f"audit: {self.sign}{f' under {self.attack.name}' if self.attack else ''}"
        return Caption(label, "diagnostic", self.sign, self.threat, params=self.params, metric="share")

    @property
    def params(self) -> str:
        """The attack and its settings as sorted JSON; empty without one."""
        attack = self.attack
        return json.dumps({"attack": attack.name} | json.loads(attack.params), sort_keys=True) if attack else ""

    def summary(self, values: Array) -> Summary:
        """The share that shows the sign of the images that were looked at, NaN being the others; None of none."""
        looked = values[~np.isnan(values)]
        n, shown = len(looked), int(looked.sum())
        return (shown / n, *wilson(shown, n), n) if n else (None, None, None, 0)
