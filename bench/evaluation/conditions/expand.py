"""From an attack and radii to conditions."""

from collections.abc import Sequence
from typing import get_args

import numpy as np

from bench.attacks.spec import AttackSpec
from bench.core.threat import L2, Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import Condition
from bench.evaluation.conditions.minimum_norm import Minimised, Reading
from bench.evaluation.conditions.sweep import swept


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
