"""The condition that probes a model for a sign that its accuracy under attack is too high."""

import json
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from bench.attacks.spec import AttackSpec
from bench.core.stats import Summary, wilson
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.probes.binarization_test import INNER_POINTS
from bench.evaluation.probes.indicator import PLANTED_IMAGES, measure_indicator
from bench.evaluation.target import Target
from bench.results.kinds import DIAGNOSTIC

PROBE_PASSES = 12.0  # estimate of the forward passes to probe an image


@dataclass(frozen=True)
class Probed(Condition):
    """The share of the correctly classified images that show a sign of an overestimated robustness."""

    kind = DIAGNOSTIC
    metrics = ("share",)
    searches = True

    sign: str  # a name in PROBES or SEARCHES, or planted
    threat: Threat
    attack: AttackSpec | None = None  # the attack under the binarization test

    @property
    def label(self) -> str:
        return f"audit: {self.sign}{f' under {self.attack.name}' if self.attack else ''}"

    @property
    def name(self) -> str:
        return self.sign

    @property
    def metric(self) -> str:
        return "share"

    @property
    def params(self) -> str:
        """The attack and its settings as sorted JSON; empty without one."""
        attack = self.attack
        return json.dumps({"attack": attack.name} | json.loads(attack.params), sort_keys=True) if attack else ""

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        right = is_correct(target.model, batch.x, batch.y, target.batch_size)
        outcome.values += measure_indicator(target, self, batch, right, outcome).tolist()
        return right

    @classmethod
    def summarise(cls, metric: str, outcome: Outcome) -> Summary:
        """The share of the probed images (those with a value) that show the sign; None where none was probed."""
        values = np.array(outcome.values)
        probed = values[~np.isnan(values)]
        n, shown = len(probed), int(probed.sum())
        return (shown / n, *wilson(shown, n), n) if n else (None, None, None, 0)

    def cost(self, n: int) -> float:
        if self.attack is None:
            return PROBE_PASSES * n
        return min(n, PLANTED_IMAGES) * (INNER_POINTS + Attacked(self.attack, self.threat).cost(1))


CONDITIONS.add("probe", Probed)
