"""The condition of an attack over a grid of radii, from the smallest radius that breaks each image."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from torch import Tensor

from bench.attacks.spec import AttackSpec
from bench.core.files import Bits
from bench.core.stats import Array, Summary, mean_of, median_of
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack import Attacked, format_attack
from bench.evaluation.conditions.attack_rows import attack_from_row, check_attack_is_same, threat_from_row
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome
from bench.evaluation.sweep_search import smallest_radii
from bench.evaluation.target import Target
from bench.results.kinds import SWEEP
from bench.results.row import Row

Curve = Literal["accuracy", "area", "median radius"]


@dataclass(frozen=True)
class Swept(Condition):
    """An attack at every radius of a grid, where an image that is broken stays broken at larger radii.

    The radii are bisected, so that an accuracy can differ from that of the attack at this radius alone: by noise, and
    for images that are broken at one radius and would not be at a larger one. Hence a kind of row of its own. The
    radius of an image is the smallest of the grid at which it was broken, 0 if it was wrong without attack, inf if it
    was not broken.
    """

    kind = SWEEP
    metrics = get_args(Curve)
    searches = True
    repeatable = True
    without_images = (
        "--save-adv keeps nothing of a --sweep, which looks for the smallest radius that breaks an image; "
        "leave one of them out, or name the radii by --eps"
    )

    attack: AttackSpec
    threat: Threat  # the ball of this row; the largest for a number of the whole curve
    grid: tuple[float, ...]  # radii from 0 (the clean image) upwards
    reading: Curve = "accuracy"

    @property
    def label(self) -> str:
        plain = self.reading == "accuracy"
        return format_attack(self.name, self.threat) if plain else f"{self.name} {self.reading}"

    @property
    def name(self) -> str:
        return self.attack.name

    @property
    def metric(self) -> str:
        return self.reading

    @property
    def balls(self) -> list[Threat]:
        """The balls to attack in, from the smallest."""
        return [replace(self.threat, eps=eps) for eps in self.grid[1:]]

    @property
    def params(self) -> str:
        """The attack's settings and the grid, as sorted JSON."""
        return json.dumps(json.loads(self.attack.params) | {"sweep": self.grid}, sort_keys=True)

    def base(self) -> "Swept":
        return sweep_conditions(self.attack, self.balls)[0]

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        radii = smallest_radii(target, self.attack, self.balls, batch, outcome)
        outcome.values += radii.tolist()
        return radii.isinf()

    def read(self, outcome: Outcome) -> Outcome:
        return replace(outcome, right=self.find_robust(np.array(outcome.values)))

    def find_robust(self, radii: Array) -> Bits:
        """Which images are robust in the ball of this row, (n,) bool, from their radii (n,)."""
        right: Bits = radii > self.threat.eps
        return right

    def value(self, outcome: Outcome) -> Summary:
        if self.reading == "accuracy":
            return super().value(outcome)
        return self.summary(np.array(outcome.values))

    def summary(self, radii: Array) -> Summary:
        """The area below the accuracy curve, as a share of a perfect model's, or the median radius of the images.

        The area is by the trapezoid rule, which is the mean over the images of the area below each one's own curve.
        """
        if self.reading == "median radius":
            return median_of(radii)
        grid = np.array(self.grid)
        edges = np.concatenate([grid[:1], (grid[1:] + grid[:-1]) / 2, grid[-1:]])
        return mean_of((radii[:, None] > grid) @ (np.diff(edges) / grid[-1]))

    def cost(self, n: int) -> float:
        """Its share of the cost of the sweep, which is measured once for all its rows."""
        queries, numbers = math.log2(len(self.grid)), len(sweep_conditions(self.attack, self.balls))
        return queries / numbers * Attacked(self.attack, self.threat).cost(n)

    @classmethod
    def from_row(cls, row: Row) -> "Swept":
        attack, grid = attack_from_row(row)
        condition = cls(attack, threat_from_row(row), grid)
        check_attack_is_same(condition, row)
        return condition


def sweep_conditions(attack: AttackSpec, balls: Sequence[Threat]) -> list[Swept]:
    """All conditions of a sweep over balls of one norm, from the smallest: accuracies, area, median radius."""
    radii = (0.0, *(ball.eps for ball in balls))
    curve = [Swept(attack, replace(balls[-1], eps=eps), radii) for eps in radii]
    return [*curve, *(replace(curve[-1], reading=reading) for reading in ("area", "median radius"))]


CONDITIONS.add("sweep", Swept)
