"""Conditions: what is done to a test image before the model sees it. One condition gives one row."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from bench.attacks import AttackSpec
from bench.caption import Caption, in_ball
from bench.data.batches import to_float
from bench.errors import BadInput, Failed
from bench.inspected import Diagnosed, Probed
from bench.results import Bits
from bench.stats import Array, Summary, wilson
from bench.sweeps import Swept, swept
from bench.threat import L2, Threat, slack

Reading = Literal["success rate", "mean distance"]


@dataclass(frozen=True)
class Clean:
    """Nothing."""

    @property
    def caption(self) -> Caption:
        return Caption("clean", "clean")


@dataclass(frozen=True)
class Attacked:
    """The worst image of the ball that the attack can find.

    Of a minimum-norm attack: what is nearer than eps of the images that it finds in L2(inf).
    """

    attack: AttackSpec
    threat: Threat

    def __post_init__(self) -> None:
        if self.attack.minimal and not isinstance(self.threat, L2):
            raise BadInput(f"attack {self.attack.name} measures distances in L2, not in {self.threat}; give it an L2")

    @property
    def caption(self) -> Caption:
        name = self.attack.name
        return Caption(in_ball(name, self.threat), "attack", name, self.threat, params=self.attack.params)

    def withstood(self, distances: Array) -> Bits:
        """Which images stay right, by how far off each was broken: 0 if it was wrong already, inf if never."""
        right: Bits = np.isinf(distances)
        return right | (distances > self.threat.eps) if self.attack.minimal else right

    def check(self, x_adv: Tensor, x: Tensor) -> None:
        """Refuse images that are not in the ball, not images, or not there."""
        name = self.attack.name
        if x_adv.shape != x.shape:
            raise Failed(f"attack {name} returned shape {tuple(x_adv.shape)} for images of {tuple(x.shape)}")
        if not x_adv.isfinite().all():
            raise Failed(f"attack {name} returned pixels that are not finite numbers")
        far = self.threat.distance(x_adv, x)
        outside = int((far > self.threat.eps + slack(self.threat.eps)).sum())
        low, high = float(x_adv.min()), float(x_adv.max())
        if outside or low < 0 or high > 1:
            raise Failed(
                f"attack {name} left {self.threat}: {outside} of {len(x)} images are outside, "
                f"the farthest at {far.max():.5f}; pixels span [{low:.3f}, {high:.3f}]"
            )


@dataclass(frozen=True)
class Corrupted:
    """What a lens, the weather or a computer does to it."""

    name: str  # in CORRUPTIONS
    severity: int
    params: str  # how the images are made, as sorted JSON
    made: Callable[[Tensor, range], Tensor] = field(repr=False, compare=False)  # (images, their ids) -> the same shape

    @property
    def caption(self) -> Caption:
        label = f"{self.name} {self.severity}"
        return Caption(label, "corruption", self.name, severity=self.severity, params=self.params)

    def images(self, x: Tensor, ids: range, batch_size: int) -> Tensor:
        """Floating point images (B, C, H, W) as the condition leaves them, on their device."""
        starts = range(0, len(ids), batch_size)
        parts = [self.made(x[i : i + batch_size], ids[i : i + batch_size]).to(x.device) for i in starts]
        return to_float(torch.cat(parts))


@dataclass(frozen=True)
class Union:
    """An attack on the corrupted image, in the ball around that: right is who is right on it and all the way."""

    corrupted: Corrupted
    attacked: Attacked

    def __post_init__(self) -> None:
        if self.attack.minimal:
            raise BadInput(
                f"attack {self.attack.name} measures distances from clean images, and --attack-corrupted attacks in "
                "the ball around corrupted ones; leave one of them out"
            )

    @property
    def attack(self) -> AttackSpec:
        return self.attacked.attack

    @property
    def caption(self) -> Caption:
        before, after = self.corrupted.caption, self.attacked.caption
        params = {"attack": json.loads(after.params), "corruption": json.loads(before.params)}
        return Caption(
            f"{before.label} + {after.label}",
            "union",
            f"{before.name}+{after.name}",
            after.threat,
            before.severity,
            json.dumps(params, sort_keys=True),
        )


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


Condition = Clean | Attacked | Corrupted | Diagnosed | Minimised | Probed | Swept | Union


def under(attack: AttackSpec, threat: Threat) -> list[Condition]:
    """What an attack is run for. A minimum-norm attack needs no ball, and an L2 ball gives it one more number."""
    if not attack.minimal:
        return [Attacked(attack, threat)]
    within: list[Condition] = [Attacked(attack, threat)] if isinstance(threat, L2) else []
    return [*within, Attacked(attack, L2(np.inf)), *(Minimised(attack, reading) for reading in get_args(Reading))]


def over(attack: AttackSpec, balls: Sequence[Threat]) -> list[Condition]:
    """What an attack is run for in a sweep over balls, from the smallest to the largest.

    One whose word on a radius is not that of any iterate, or is on a block of images, is run at each of them.
    """
    if attack.last or attack.minimal or attack.block is not None:
        return [condition for ball in balls for condition in under(attack, ball)]
    return [*swept(attack, balls)]


def measurement(condition: Condition) -> Condition:
    """The condition from whose outcome this one can be read."""
    if isinstance(condition, Minimised) or (isinstance(condition, Attacked) and condition.attack.minimal):
        return Attacked(condition.attack, L2(np.inf))
    if isinstance(condition, Swept):
        return swept(condition.attack, condition.balls)[0]
    return Diagnosed(condition.name, "mean", "all") if isinstance(condition, Diagnosed) else condition
