"""The condition of a minimum-norm attack: success rate and mean distance."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from torch import Tensor

from bench.attacks.spec import AttackSpec
from bench.core.stats import Summary, wilson
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome
from bench.evaluation.target import Target
from bench.results.kinds import ATTACK

MinimumNormMetric = Literal["success rate", "mean distance"]


@dataclass(frozen=True)
class Minimised(Condition):
    """The success rate of a minimum-norm attack, or the mean distance in its norm."""

    kind = ATTACK
    metrics = get_args(MinimumNormMetric)
    sharded = True

    attack: AttackSpec
    reading: MinimumNormMetric

    @property
    def label(self) -> str:
        return f"{self.attack.name} {self.reading}"

    @property
    def name(self) -> str:
        return self.attack.name

    @property
    def params(self) -> str:
        return self.attack.params

    @property
    def metric(self) -> str:
        return self.reading

    @property
    def threat(self) -> Threat:
        """No bound: the attack looks for the smallest distance."""
        return self.attack.space

    def base(self) -> Attacked:
        return Attacked(self.attack, self.threat)

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        return self.base().measure(target, batch, outcome)

    @classmethod
    def summarise(cls, metric: str, outcome: Outcome) -> Summary:
        """The share of the correctly classified images that was broken, or their mean distance."""
        distances = np.array(outcome.values)  # 0: wrong without attack; inf: not broken
        right, broken = distances > 0, (distances > 0) & np.isfinite(distances)
        if metric == "success rate" and right.any():
            n, successes = int(right.sum()), int(broken.sum())
            return successes / n, *wilson(successes, n), n
        if metric == "mean distance" and broken.any():
            return float(distances[broken].mean()), None, None, int(broken.sum())
        return None, None, None, 0


CONDITIONS.add("minimum-norm", Minimised)
