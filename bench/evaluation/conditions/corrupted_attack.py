"""The condition of an attack on corrupted images."""

import json
from dataclasses import dataclass, replace

from torch import Tensor

from bench.attacks.searches.nested_search import Effort
from bench.attacks.spec import AttackSpec
from bench.core.errors import BadInput
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.conditions.corruption import Corrupted
from bench.evaluation.outcome import Outcome
from bench.evaluation.target import Target
from bench.results.kinds import UNION


@dataclass(frozen=True)
class Union(Condition):
    """The condition that attacks the corrupted image, in the ball around it.

    An image counts as right if the model is right on the corrupted image and on all that the attack found.
    """

    kind = UNION
    sharded = True
    searches = True
    without_images = (
        "--save-adv keeps images as what was added to clean ones, and --attack-corrupted adds to corrupted "
        "ones; leave one of them out"
    )

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
    def label(self) -> str:
        return f"{self.corrupted.label} + {self.attacked.label}"

    @property
    def name(self) -> str:
        return f"{self.corrupted.name}+{self.attacked.name}"

    @property
    def threat(self) -> Threat:
        return self.attacked.threat

    @property
    def severity(self) -> int:
        return self.corrupted.severity

    @property
    def params(self) -> str:
        params = {"attack": json.loads(self.attacked.params), "corruption": json.loads(self.corrupted.params)}
        return json.dumps(params, sort_keys=True)

    @property
    def key_params(self) -> str:
        return self.attacked.key_params

    @property
    def block(self) -> int | None:
        return self.attacked.block

    @property
    def effort(self) -> Effort | None:
        return self.attacked.effort

    def includes(self, other: Condition) -> bool:
        return isinstance(other, Union) and self.corrupted == other.corrupted and self.attacked.includes(other.attacked)

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        x = self.corrupted.images(batch.x, batch.ids, target.batch_size)
        return self.attacked.measure(target, replace(batch, x=x), outcome)

    def cost(self, n: int) -> float:
        return self.attacked.cost(n)


CONDITIONS.add("union", Union)
