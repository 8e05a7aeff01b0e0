"""What a minimum-norm attack measures beside accuracies."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.attacks.spec import AttackSpec
from bench.core.stats import Array, Summary, wilson
from bench.core.threat import L2
from bench.evaluation.conditions.base import Caption

Reading = Literal["success rate", "mean distance"]


@dataclass(frozen=True)
class Minimised:
    """What a minimum-norm attack comes to, beside accuracies."""

    attack: AttackSpec
    reading: Reading

    @property
    def caption(self) -> Caption:
        name, label = self.attack.name, f"{self.attack.name} {self.reading}"
        return Caption(label, "attack", name, self.threat, params=self.attack.params, metric=self.reading)

    @property
    def threat(self) -> L2:
        """Of the attack, which goes as far as it must."""
        return L2(np.inf)

    def summary(self, distances: Array) -> Summary:
        """The share broken of the images that were right, or how far off these are on average.

        distances: as in `Attacked.withstood`.
        """
        right, broken = distances > 0, (distances > 0) & np.isfinite(distances)
        if self.reading == "success rate" and right.any():
            n, successes = int(right.sum()), int(broken.sum())
            return successes / n, *wilson(successes, n), n
        if self.reading == "mean distance" and broken.any():
            return float(distances[broken].mean()), None, None, int(broken.sum())
        return None, None, None, 0
