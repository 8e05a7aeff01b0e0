"""The attack and the ball of a stored row, as they are rebuilt to measure it again."""

import json

from bench.attacks.spec import AttackSpec
from bench.core.errors import BadInput
from bench.core.threats.threat import NORMS, Threat
from bench.evaluation.conditions.base import Condition
from bench.results.row import Row


def attack_from_row(row: Row) -> tuple[AttackSpec, tuple[float, ...]]:
    """The attack of a row, and the grid of radii if it is of a sweep (else empty)."""
    settings = json.loads(row.params or "{}")
    grid = settings.pop("sweep", ())
    for fact in ("package", "black_box", "ascent"):  # facts of the attack's function, which are no settings
        settings.pop(fact, None)
    return AttackSpec(row.name, tuple(sorted(settings.items()))), tuple(grid)


def threat_from_row(row: Row) -> Threat:
    """The threat model of an attack's row."""
    assert row.eps is not None
    return NORMS[row.norm](row.eps)


def check_attack_is_same(condition: Condition, row: Row) -> None:
    """BadInput where an attack of today differs from the one of the same name that the row was measured with."""
    if condition.params != row.params:
        raise BadInput(f"{row.name} was measured with {row.params}, here is {condition.params}")
    attack, _ = attack_from_row(row)
    if gone := attack.unknown_settings:
        raise BadInput(f"{row.name} no longer has the setting {gone[0]}")
