"""An attack over a grid of radii: for each image the smallest one that breaks it, and what is read off that."""

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
from bench.core.threat import Threat
from bench.evaluation.conditions.attack import Attacked, attack_of, ball_of, check_attack_is_same, in_ball
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome
from bench.evaluation.sweep_search import smallest_radii
from bench.evaluation.target import Target
from bench.results.row import Row

Curve = Literal["accuracy", "area", "median radius"]


@dataclass(frozen=True)
class Swept(Condition):
    """An attack at every radius of a grid, where an image that is broken stays broken at larger radii.

    Its accuracies differ from those of plain attacks by noise, and where a larger radius would have helped the model:
    they are rows of their own. A radius here is that of an image: the smallest of the grid at which it was broken, 0 if
    it was wrong already, inf if it never was.
    """

    kind = "sweep"
    metrics = get_args(Curve)
    searches = True
    repeatable = True
    without_images = (
        "--save-adv keeps nothing of a --sweep, which looks for the smallest radius that breaks an image; "
        "leave one of them out, or name the radii by --eps"
    )

    attack: AttackSpec
    threat: Threat  # the ball that is read; of a whole curve, the largest
    grid: tuple[float, ...]  # from 0, which is the clean image, upwards
    reading: Curve = "accuracy"

    @property
    def label(self) -> str:
        plain = self.reading == "accuracy"
        return in_ball(self.name, self.threat) if plain else f"{self.name} {self.reading}"

    @property
    def name(self) -> str:
        return self.attack.name

    @property
    def metric(self) -> str:
        return self.reading

    @property
    def balls(self) -> list[Threat]:
        """To attack in, from the smallest."""
        return [replace(self.threat, eps=eps) for eps in self.grid[1:]]

    @property
    def params(self) -> str:
        """The attack's settings and the grid, as sorted JSON."""
        return json.dumps(json.loads(self.attack.params) | {"sweep": self.grid}, sort_keys=True)

    def base(self) -> "Swept":
        return swept(self.attack, self.balls)[0]

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        radii = smallest_radii(target, self.attack, self.balls, batch.ids, batch.x, batch.y, outcome)
        outcome.values += radii.tolist()
        return radii.isinf()

    def read(self, outcome: Outcome) -> Outcome:
        return replace(outcome, right=self.withstood(np.array(outcome.values)))

    def withstood(self, radii: Array) -> Bits:
        """Which images stay right in the ball that is read."""
        right: Bits = radii > self.threat.eps
        return right

    def value(self, outcome: Outcome) -> Summary:
        if self.reading == "accuracy":
            return super().value(outcome)
        return self.summary(np.array(outcome.values))

    def summary(self, radii: Array) -> Summary:
        """Of the whole curve: the area below it, as a share of that of a perfect model, or the median radius.

        The area is by the trapezoid rule: the mean over the images of the area below each one's own curve.
        """
        if self.reading == "median radius":
            return median_of(radii)
        grid = np.array(self.grid)
        edges = np.concatenate([grid[:1], (grid[1:] + grid[:-1]) / 2, grid[-1:]])
        return mean_of((radii[:, None] > grid) @ (np.diff(edges) / grid[-1]))

    def cost(self, n: int) -> float:
        """Its share of the one measurement that all numbers of the sweep are read off."""
        queries, numbers = math.log2(len(self.grid)), len(swept(self.attack, self.balls))
        return queries / numbers * Attacked(self.attack, self.threat).cost(n)

    @classmethod
    def from_row(cls, row: Row) -> "Swept":
        attack, grid = attack_of(row)
        condition = cls(attack, ball_of(row), grid)
        check_attack_is_same(condition, row)
        return condition


def swept(attack: AttackSpec, balls: Sequence[Threat]) -> list[Swept]:
    """Every number of a sweep over balls of one norm, from the smallest up: accuracies, then those of the curve."""
    radii = (0.0, *(ball.eps for ball in balls))
    curve = [Swept(attack, replace(balls[-1], eps=eps), radii) for eps in radii]
    return [*curve, *(replace(curve[-1], reading=reading) for reading in ("area", "median radius"))]


CONDITIONS.add("sweep", Swept)
