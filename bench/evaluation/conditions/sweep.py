"""An attack over a grid of radii: for each image the smallest one that breaks it, and what is read off that."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.attacks.spec import AttackSpec
from bench.core.files import Bits
from bench.core.stats import Array, Summary, mean_of, median_of
from bench.core.threat import Threat
from bench.evaluation.conditions.base import Caption, in_ball

Curve = Literal["accuracy", "area", "median radius"]


@dataclass(frozen=True)
class Swept:
    """An attack at every radius of a grid, where an image that is broken stays broken at larger radii.

    Its accuracies differ from those of plain attacks by noise, and where a larger radius would have helped the model:
    they are rows of their own. A radius here is that of an image: the smallest of the grid at which it was broken, 0 if
    it was wrong already, inf if it never was.
    """

    attack: AttackSpec
    threat: Threat  # the ball that is read; of a whole curve, the largest
    grid: tuple[float, ...]  # from 0, which is the clean image, upwards
    reading: Curve = "accuracy"

    @property
    def caption(self) -> Caption:
        name, plain = self.attack.name, self.reading == "accuracy"
        label = in_ball(name, self.threat) if plain else f"{name} {self.reading}"
        return Caption(label, "sweep", name, self.threat, params=self.params, metric=self.reading)

    @property
    def balls(self) -> list[Threat]:
        """To attack in, from the smallest."""
        return [replace(self.threat, eps=eps) for eps in self.grid[1:]]

    @property
    def params(self) -> str:
        """The attack's settings and the grid, as sorted JSON."""
        return json.dumps(json.loads(self.attack.params) | {"sweep": self.grid}, sort_keys=True)

    def withstood(self, radii: Array) -> Bits:
        """Which images stay right in the ball that is read."""
        right: Bits = radii > self.threat.eps
        return right

    def summary(self, radii: Array) -> Summary:
        """Of the whole curve: the area below it, as a share of that of a perfect model, or the median radius.

        The area is by the trapezoid rule: the mean over the images of the area below each one's own curve.
        """
        if self.reading == "median radius":
            return median_of(radii)
        grid = np.array(self.grid)
        edges = np.concatenate([grid[:1], (grid[1:] + grid[:-1]) / 2, grid[-1:]])
        return mean_of((radii[:, None] > grid) @ (np.diff(edges) / grid[-1]))


def swept(attack: AttackSpec, balls: Sequence[Threat]) -> list[Swept]:
    """Every number of a sweep over balls of one norm, from the smallest up: accuracies, then those of the curve."""
    radii = (0.0, *(ball.eps for ball in balls))
    curve = [Swept(attack, replace(balls[-1], eps=eps), radii) for eps in radii]
    return [*curve, *(replace(curve[-1], reading=reading) for reading in ("area", "median radius"))]
