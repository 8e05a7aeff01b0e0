"""A probe of the model for a sign that its accuracy under attack is overestimated."""

import json
from dataclasses import dataclass

import numpy as np

from bench.attacks.spec import AttackSpec
from bench.core.stats import Array, Summary, wilson
from bench.core.threat import Threat
from bench.evaluation.conditions.base import Caption


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
