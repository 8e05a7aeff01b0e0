"""What a row and a log say of a condition."""

from typing import NamedTuple

from bench.core.threat import Threat


class Caption(NamedTuple):
    """The columns of a row that are the condition's, and the condition in a few words."""

    label: str  # e.g. `PGD-20 Linf 0.2`
    kind: str
    name: str = ""
    threat: Threat | None = None
    severity: int | None = None
    params: str = ""  # sorted JSON
    metric: str = "accuracy"  # what the row's value is


def in_ball(name: str, threat: Threat) -> str:
    """An attack in its ball, in a few words."""
    return f"{name} {type(threat).__name__} {threat.eps:.4g}"
