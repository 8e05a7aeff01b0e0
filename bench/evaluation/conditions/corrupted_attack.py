"""An attack on the corrupted image."""

import json
from dataclasses import dataclass

from bench.attacks.spec import AttackSpec
from bench.core.errors import BadInput
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import Caption
from bench.evaluation.conditions.corruption import Corrupted


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
