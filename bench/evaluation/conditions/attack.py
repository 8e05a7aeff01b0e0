"""The condition of an attack in a ball around the clean image."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from bench.attacks.searches.nested_search import Effort
from bench.attacks.spec import AttackSpec
from bench.core.errors import BadInput, Failed
from bench.core.files import Bits
from bench.core.parsing import format_count
from bench.core.stats import Array
from bench.core.threats.lengths import tolerance
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack_rows import attack_from_row, check_attack_is_same, threat_from_row
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome, predict_classes
from bench.evaluation.target import OnBroken, Target
from bench.results.kinds import ATTACK
from bench.results.row import Row

SURVIVAL_RATE = 0.5  # estimate of the share of images that take all steps of an attack


@dataclass(frozen=True)
class Attacked(Condition):
    """The condition that attacks the clean image inside a ball.

    A minimum-norm attack searches without a ball, and an image counts as broken if the distance found is at most eps.

    Args:
        attack: the attack and its settings, from `parse_attack`.
        threat: the ball, `Linf`, `L2` or `L1`.

    Raises:
        BadInput: a minimum-norm attack, such as CW-L2, with a ball of another norm than its own.

    Example:
        >>> from bench import Attacked, Linf, parse_attack
        >>> Attacked(parse_attack("CW-L2"), Linf(0.1))
        Traceback (most recent call last):
        bench.core.errors.BadInput: attack CW-L2 measures distances in L2, not in Linf(eps=0.1); give it an L2
    """

    kind = ATTACK
    sharded = True
    searches = True
    repeatable = True

    attack: AttackSpec
    threat: Threat

    def __post_init__(self) -> None:
        space = self.attack.space
        if self.attack.minimal and not isinstance(self.threat, type(space)):
            norm = type(space).__name__
            raise BadInput(
                f"attack {self.attack.name} measures distances in {norm}, not in {self.threat}; give it an {norm}"
            )

    @property
    def label(self) -> str:
        return format_attack(self.name, self.threat)

    @property
    def name(self) -> str:
        return self.attack.name

    @property
    def params(self) -> str:
        return self.attack.params

    @property
    def key_params(self) -> str:
        return self.attack.params

    @property
    def block(self) -> int | None:
        return self.attack.block

    @property
    def keeps_images(self) -> bool:
        return self.base() == self  # a minimum-norm attack's are stored once, for the infinite radius

    @property
    def effort(self) -> Effort | None:
        return self.attack.effort

    def includes(self, other: Condition) -> bool:
        if not (isinstance(other, Attacked) and self.attack.effort and other.attack.effort):
            return False
        (steps, restarts), (fewer, tries) = self.attack.effort, other.attack.effort
        eps = self.threat.eps
        settings = [condition.attack.settings_except_effort(eps) for condition in (self, other)]
        alike = self.threat == other.threat and settings[0] == settings[1]
        return alike and ((tries == 1 and fewer <= steps) or (fewer == steps and tries <= restarts))

    def base(self) -> "Attacked":
        return Attacked(self.attack, self.attack.space) if self.attack.minimal else self

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        keep = _image_recorder(target, batch, self.threat) if batch.adversarial_set is not None else None
        distances = target.distances(self, batch, outcome, keep)
        outcome.values += distances[: batch.counted].tolist() if self.attack.minimal else []
        return distances.isinf()

    def read(self, outcome: Outcome) -> Outcome:
        if not self.attack.minimal:
            return outcome
        return replace(outcome, right=self.find_robust(np.array(outcome.values)))

    def find_robust(self, distances: Array) -> Bits:
        """Which images are robust, (n,) bool, given the distances (n,) that broke them (0: wrong, inf: never)."""
        right: Bits = np.isinf(distances)
        return right | (distances > self.threat.eps) if self.attack.minimal else right

    def cost(self, n: int) -> float:
        share = 1.0 if self.attack.last else SURVIVAL_RATE  # `.last` attacks every image to the last step
        return n * (2 + share * self.attack.passes)

    @classmethod
    def from_row(cls, row: Row) -> "Attacked":
        attack, _ = attack_from_row(row)
        condition = cls(attack, threat_from_row(row))
        check_attack_is_same(condition, row)
        return condition

    def check(self, x_adv: Tensor, x: Tensor) -> None:
        """Failed where the images are outside the ball or [0, 1], not finite, or of another shape than x."""
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
                f"attack {name} left {self.threat}: {outside} of {format_count(len(x), 'image')} are outside, "
                f"the farthest at {far.max():.5f}; pixels span [{low:.4g}, {high:.4g}]"
            )


def _image_recorder(target: Target, batch: Batch, threat: Threat) -> OnBroken:
    """A callback that adds the images that an attack broke to the adversarial set, without those beyond the first n."""
    adversarial_set, ids = batch.adversarial_set, batch.ids[: batch.counted]
    assert adversarial_set is not None

    def keep(broken: Tensor, x_adv: Tensor) -> None:
        rows = broken[: len(ids)].nonzero().flatten()
        adversarial_set.add(
            [ids[row] for row in rows.tolist()],
            batch.x[rows],
            x_adv[rows],
            batch.y[rows],
            threat,
            lambda images, _: predict_classes(target.model, images, target.batch_size),
        )

    return keep


def format_attack(name: str, threat: Threat) -> str:
    """Format an attack in its ball, as `PGD-20 Linf 0.2`."""
    return f"{name} {type(threat).__name__} {threat.eps:.4g}"


def plain_attacks(conditions: Iterable[Condition]) -> list[Attacked]:
    """The conditions that attack the clean image in one ball."""
    return [condition for condition in conditions if isinstance(condition, Attacked)]


CONDITIONS.add("attack", Attacked)
