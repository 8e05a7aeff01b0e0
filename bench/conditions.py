"""Conditions: what is done to a test image before the model sees it. One condition gives one row."""

import json
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from bench.attacks import AttackSpec
from bench.errors import Failed
from bench.results import Bits
from bench.threat import Threat

Statistic = Literal["min", "mean", "max"]
Group = Literal["all", "right", "wrong"]
Array = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True)
class Clean:
    """Nothing."""


@dataclass(frozen=True)
class Attacked:
    """The worst image of the ball that the attack can find."""

    attack: AttackSpec
    threat: Threat

    def check(self, x_adv: Tensor, x: Tensor) -> None:
        """Refuse images that are not in the ball, not images, or not there."""
        name, slack = self.attack.name, 1e-6 + 1e-5 * self.threat.eps  # of fp32 arithmetic
        if x_adv.shape != x.shape:
            raise Failed(f"attack {name} returned shape {tuple(x_adv.shape)} for images of {tuple(x.shape)}")
        if not x_adv.isfinite().all():
            raise Failed(f"attack {name} returned pixels that are not finite numbers")
        far = self.threat.distance(x_adv, x)
        outside = int((far > self.threat.eps + slack).sum())
        low, high = float(x_adv.min()), float(x_adv.max())
        if outside or low < 0 or high > 1:
            raise Failed(
                f"attack {name} left {self.threat}: {outside} of {len(x)} images are outside, "
                f"the farthest at {far.max():.5f}; pixels span [{low:.3f}, {high:.3f}]"
            )


@dataclass(frozen=True)
class Diagnosed:
    """Nothing either, but something else than accuracy is measured: a statistic of one number an image."""

    name: str  # in DIAGNOSTICS
    statistic: Statistic
    group: Group  # of the clean images

    def summary(self, values: Array, right: Bits) -> tuple[float | None, int]:
        """The statistic over the group, and how many images that is; None where it is empty."""
        member = {"all": np.ones_like(right), "right": right, "wrong": ~right}[self.group]
        if not member.any():
            return None, 0
        chosen = values[member]
        return float({"min": chosen.min(), "mean": chosen.mean(), "max": chosen.max()}[self.statistic]), len(chosen)


@dataclass(frozen=True)
class Probed:
    """Nothing again, but the model is probed for a sign that its accuracy under attack deceives."""

    sign: str  # in SIGNS
    threat: Threat
    attack: AttackSpec | None = None  # that is to find what is planted

    @property
    def params(self) -> str:
        """The attack and its settings as sorted JSON; empty without one."""
        attack = self.attack
        return json.dumps({"attack": attack.name} | json.loads(attack.params), sort_keys=True) if attack else ""

    def summary(self, values: Array) -> tuple[int, int]:
        """How many images show the sign, and how many were looked at."""
        looked = values[~np.isnan(values)]
        return int(looked.sum()), len(looked)


Condition = Clean | Attacked | Diagnosed | Probed
