"""From an attack and radii to conditions."""

from collections.abc import Sequence
from typing import get_args

import numpy as np

from bench.attacks.spec import AttackSpec
from bench.core.threat import L2, Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.conditions.corrupted_attack import Union
from bench.evaluation.conditions.corruption import Corrupted
from bench.evaluation.conditions.diagnostic import Diagnosed
from bench.evaluation.conditions.minimum_norm import Minimised, Reading
from bench.evaluation.conditions.probe import Probed
from bench.evaluation.conditions.sweep import Swept, swept

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
