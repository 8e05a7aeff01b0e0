"""A probe of the model for a sign that its accuracy under attack is overestimated."""

import json
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from bench.attacks.spec import AttackSpec
from bench.core.stats import Summary, wilson
from bench.core.threat import Threat
from bench.evaluation.binarization_test import INNER
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.probes import FEW, signs
from bench.evaluation.target import Target

PROBING = 12.0  # passes forward for an image that is probed for a sign, roughly


@dataclass(frozen=True)
class Probed(Condition):
    """The model is probed for a sign that its accuracy under attack deceives."""

    kind = "diagnostic"
    metrics = ("share",)
    searches = True

    sign: str  # in SIGNS
    threat: Threat
    attack: AttackSpec | None = None  # that is to find what is planted

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
        outcome.values += signs(target, self, batch.ids, batch.x, batch.y, right, outcome).tolist()
        return right

    @classmethod
    def summarise(cls, metric: str, outcome: Outcome) -> Summary:
        """The share that shows the sign of the images that were looked at, NaN being the others; None of none."""
        values = np.array(outcome.values)
        looked = values[~np.isnan(values)]
        n, shown = len(looked), int(looked.sum())
        return (shown / n, *wilson(shown, n), n) if n else (None, None, None, 0)

    def cost(self, n: int) -> float:
        if self.attack is None:
            return PROBING * n
        return min(n, FEW) * (INNER + Attacked(self.attack, self.threat).cost(1))


CONDITIONS.add("probe", Probed)
