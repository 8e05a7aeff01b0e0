"""Conditions: what is done to a test image before the model sees it. One condition gives one row."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from bench.attacks.spec import AttackSpec
from bench.core.errors import BadInput, Failed
from bench.core.files import Bits
from bench.core.stats import Array
from bench.core.threat import L2, Threat, tolerance
from bench.evaluation.conditions.base import Caption, in_ball


@dataclass(frozen=True)
class Attacked:
    """The condition that replaces the test image by the worst one of the ball that the attack finds.

    A minimum-norm attack searches in L2(inf), and an image counts as broken where it finds one nearer than eps.

    Args:
        attack: as `parse_attack` returns it.
        threat: the ball, `Linf` or `L2`.

    Raises:
        BadInput: a minimum-norm attack, such as CW-L2, with a ball that is not L2.

    Example:
        >>> from bench import Attacked, Linf, parse_attack
        >>> Attacked(parse_attack("CW-L2"), Linf(0.1))
        Traceback (most recent call last):
        bench.core.errors.BadInput: attack CW-L2 measures distances in L2, not in Linf(eps=0.1); give it an L2
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
        outside = int((far > self.threat.eps + tolerance(self.threat.eps)).sum())
        low, high = float(x_adv.min()), float(x_adv.max())
        if outside or low < 0 or high > 1:
            raise Failed(
                f"attack {name} left {self.threat}: {outside} of {len(x)} images are outside, "
                f"the farthest at {far.max():.5f}; pixels span [{low:.3f}, {high:.3f}]"
            )
