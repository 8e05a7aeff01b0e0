"""Make the conditions of an attack and its radii."""

from collections.abc import Sequence
from typing import get_args

from bench.attacks.spec import AttackSpec
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import Condition
from bench.evaluation.conditions.minimum_norm import Minimised, MinimumNormMetric
from bench.evaluation.conditions.sweep import sweep_conditions


def conditions_in_ball(attack: AttackSpec, threat: Threat) -> list[Condition]:
    """The conditions of an attack in one ball.

    A minimum-norm attack is measured without a ball (success rate, mean distance), and at the radius of a ball of its
    own norm.
    """
    if not attack.minimal:
        return [Attacked(attack, threat)]
    within: list[Condition] = [Attacked(attack, threat)] if isinstance(threat, type(attack.space)) else []
    return [
        *within,
        Attacked(attack, attack.space),
        *(Minimised(attack, reading) for reading in get_args(MinimumNormMetric)),
    ]


def conditions_of_sweep(attack: AttackSpec, balls: Sequence[Threat]) -> list[Condition]:
    """The conditions of an attack over balls of one norm, given from the smallest to the largest.

    An attack cannot be bisected if only its last iterate counts, if it needs no ball, or if it draws per block of
    images. Such an attack is run in every ball.
    """
    if attack.last or attack.minimal or attack.block is not None:
        return [condition for ball in balls for condition in conditions_in_ball(attack, ball)]
    return [*sweep_conditions(attack, balls)]
