"""The worst image that an attack finds in a ball around the test image."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from bench.attacks.nested_search import Effort
from bench.attacks.spec import AttackSpec, parse_attack
from bench.core.errors import BadInput, Failed
from bench.core.files import Bits
from bench.core.stats import Array
from bench.core.threat import L2, NORMS, Threat, tolerance
from bench.evaluation.conditions.base import CONDITIONS, Batch, Condition
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.target import OnBroken, Target
from bench.results.row import Row

SURVIVING = 0.5  # guess at the share of images that take an attack's whole effort


@dataclass(frozen=True)
class Attacked(Condition):
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

    kind = "attack"
    sharded = True
    searches = True
    repeatable = True

    attack: AttackSpec
    threat: Threat

    def __post_init__(self) -> None:
        if self.attack.minimal and not isinstance(self.threat, L2):
            raise BadInput(f"attack {self.attack.name} measures distances in L2, not in {self.threat}; give it an L2")

    @property
    def label(self) -> str:
        return in_ball(self.name, self.threat)

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
        return self.base() == self  # smaller radii's are among the nearest

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
        return Attacked(self.attack, L2(np.inf)) if self.attack.minimal else self

    def measure(self, target: Target, batch: Batch, outcome: Outcome) -> Tensor:
        keep = _keeping(target, batch, self.threat) if batch.album is not None else None
        distances = target.distances(self, batch.ids, batch.x, batch.y, outcome, keep)
        outcome.values += distances[: batch.counted].tolist() if self.attack.minimal else []
        return distances.isinf()

    def read(self, outcome: Outcome) -> Outcome:
        if not self.attack.minimal:
            return outcome
        return replace(outcome, right=self.withstood(np.array(outcome.values)))

    def withstood(self, distances: Array) -> Bits:
        """Which images stay right, by how far off each was broken: 0 if it was wrong already, inf if never."""
        right: Bits = np.isinf(distances)
        return right | (distances > self.threat.eps) if self.attack.minimal else right

    def cost(self, n: int) -> float:
        share = 1.0 if self.attack.last else SURVIVING  # to the last iterate all images go
        return n * (2 + share * self.attack.passes)

    @classmethod
    def from_row(cls, row: Row) -> "Attacked":
        attack, _ = attack_of(row)
        condition = cls(attack, ball_of(row))
        check_attack_is_same(condition, row)
        return condition

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


def _keeping(target: Target, batch: Batch, threat: Threat) -> OnBroken:
    """What puts the broken ones of the images that count into the album."""
    album, ids = batch.album, batch.ids[: batch.counted]
    assert album is not None

    def keep(broken: Tensor, x_adv: Tensor) -> None:
        rows = broken[: len(ids)].nonzero().flatten()
        found, labels = [ids[row] for row in rows.tolist()], batch.y[rows]
        album.add(
            found,
            batch.x[rows],
            x_adv[rows],
            threat,
            lambda images, some: ~is_correct(target.model, images, labels[some], target.batch_size),
        )

    return keep


def in_ball(name: str, threat: Threat) -> str:
    """An attack in its ball, in a few words."""
    return f"{name} {type(threat).__name__} {threat.eps:.4g}"


def plain_attacks(conditions: Iterable[Condition]) -> list[Attacked]:
    """Those of the conditions that attack the clean image in one ball."""
    return [condition for condition in conditions if isinstance(condition, Attacked)]


def attack_of(row: Row) -> tuple[AttackSpec, tuple[float, ...]]:
    """The attack that a row was measured with, and the grid of radii of a sweep, else empty."""
    settings = json.loads(row.params or "{}")
    grid = settings.pop("sweep", ())
    for said in ("package", "black_box"):  # of the function itself
        settings.pop(said, None)
    return AttackSpec(row.name, tuple(sorted(settings.items()))), tuple(grid)


def ball_of(row: Row) -> Threat:
    """The ball of a row of an attack."""
    assert row.eps is not None
    return NORMS[row.norm](row.eps)


def check_attack_is_same(condition: Condition, row: Row) -> None:
    """BadInput where the attack of a rebuilt condition is not the one that its row was measured with."""
    if condition.params != row.params:
        raise BadInput(f"{row.name} was measured with {row.params}, here is {condition.params}")
    attack, _ = attack_of(row)
    if gone := sorted(dict(attack.settings).keys() - dict(parse_attack(row.name).settings).keys()):
        raise BadInput(f"{row.name} no longer has the setting {gone[0]}")


CONDITIONS.add("attack", Attacked)
