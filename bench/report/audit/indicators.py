"""What stored right/wrong bits of one model say of the attacks that it met. Paired by image, so exact tests apply."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

from bench.core.files import Bits
from bench.core.stats import binomial_exceeds, mcnemar
from bench.report.audit.thresholds import (
    ALIKE,
    CLEAN,
    FULL_EFFORT,
    ITERATIVE,
    MISLED,
    SHORT,
    STANDING,
    SURE,
    UNREACHED,
    Level,
    Limit,
)


@dataclass(frozen=True)
class Doubt:
    """Why the accuracies of a model should not be believed."""

    level: Level
    reason: str


@dataclass(frozen=True, eq=False)
class AttackOutcome:
    """An attack that the model has met, and which images it got right there."""

    title: str
    name: str
    params: str
    right: Bits
    source: str = ""

    @property
    def last(self) -> bool:
        return self.name.endswith(".last")

    @property
    def black_box(self) -> bool:
        """Without the model's gradients."""
        return bool(self.source) or bool(self.said.get("black_box", self.name == "Square"))

    @cached_property  # reports ask for it thousands of times
    def said(self) -> dict[str, Any]:
        """The settings, as far as they are known."""
        known: dict[str, Any] = json.loads(self.params or "{}")
        return known

    @property
    def length(self) -> int:
        """Steps along a gradient, as far as the settings say; 0 where they do not."""
        return 0 if self.black_box else int(self.said.get("steps", 0))

    @cached_property
    def steps(self) -> int:
        """Of an ascent on the cross-entropy, FGSM's one included; 0 where the attack is none."""
        if re.fullmatch(r"(R-)?FGSM", self.name):
            return 1
        margin = self.said.get("loss") == "margin"
        return self.length if re.fullmatch(r"PGD-\d+", self.name) and not margin else 0

    @property
    def effort(self) -> int:
        return self.steps * int(self.said.get("restarts", 1))


def count(images: Bits) -> int:
    return int(images.sum())


def many(images: int, n: int, limit: Limit) -> bool:
    """More than the limit's share of n images, by more than chance."""
    return n > 0 and binomial_exceeds(images, n, limit.share) < SURE


def stronger(one: AttackOutcome, other: AttackOutcome) -> bool:
    """The one breaks more images than the other, by more than chance (McNemar)."""
    return mcnemar(count(other.right & ~one.right), count(one.right & ~other.right), "greater") < SURE


def broken_by(one: AttackOutcome, other: AttackOutcome) -> str:
    """What the one breaks and the other leaves, in words."""
    return f"{one.title} breaks {count(other.right & ~one.right)} of {len(one.right)} images that {other.title} leaves"


def standing(attacks: list[AttackOutcome]) -> bool:
    """Whether anything is robust here at all, so that it can be overestimated."""
    worst = reduce(lambda a, b: a & b, (met.right for met in attacks))
    return many(count(worst), len(worst), STANDING)


def clean_changes(clean: Bits, attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """Every attack judges the clean image too, and an image that is wrong there can never come out right."""
    for met in attacks:
        changed = 0 if met.last or met.source else count(met.right & ~clean)
        if many(changed, len(clean), CLEAN):
            yield Doubt("invalid", f"{met.title}: {changed} of {len(clean)} clean images are right in one call only")


def above_clean(clean: Bits, attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """Only where the last iterate is scored: the attack leads towards the class that it should lead away from."""
    unharmed = AttackOutcome("clean", "", "", clean)
    for met in attacks:
        if met.last and not met.source and stronger(unharmed, met):
            gained, n = count(met.right & ~clean), len(clean)
            yield Doubt("suspect", f"{met.title} mends {gained} of {n} images that are wrong when clean")


def black_box_wins(attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """Black-box attacks know less than those that see the gradient (Athalye 2018, section 3; Carlini 2019)."""
    white = [met for met in attacks if met.length >= ITERATIVE]
    for met in attacks:
        if met.black_box and white and all(stronger(met, other) for other in white):
            yield Doubt("suspect", broken_by(met, max(white, key=lambda other: other.length)))


def effort_is_lost(attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """More steps or restarts never make an ascent weaker, and in the end no stronger (Athalye 2018, section 3)."""
    ascents = sorted((met for met in attacks if met.steps), key=lambda met: met.effort)
    for place, less in enumerate(ascents):
        for more in ascents[place + 1 :]:
            if more.effort > less.effort and more.steps >= ITERATIVE:
                if stronger(less, more):
                    yield Doubt("suspect", f"{broken_by(less, more)}, for all its steps")
                fresh, n = count(less.right & ~more.right), len(less.right)
                if less.steps >= FULL_EFFORT and many(fresh, n, SHORT):
                    yield Doubt("suspect", f"{less.title} had not converged: {broken_by(more, less)}")


def gradient_misleads(attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """The longest ascent on the cross-entropy leaves far more than another attack does."""
    ascents = [met for met in attacks if met.steps >= ITERATIVE]
    others = [met for met in attacks if not met.steps]
    if not ascents or not others:
        return
    longest = max(ascents, key=lambda met: met.effort)
    best = max(others, key=lambda met: count(longest.right & ~met.right))
    if many(count(longest.right & ~best.right), len(best.right), MISLED):
        single = [met for met in attacks if met.name == "FGSM"]
        alike = [one for one in single if not many(count(one.right & ~longest.right), len(one.right), ALIKE)]
        note = f", which does no more than {alike[0].title}" if alike else ""
        yield Doubt("suspect", broken_by(best, longest) + note)


def unreached(attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """In a ball that holds every image none is robust (Carlini 2019, section 4)."""
    for met in attacks:
        left, n = count(met.right), len(met.right)
        if many(left, n, UNREACHED):
            yield Doubt("suspect", f"{met.title} leaves {left} of {n} images in a ball that holds every image")


def eps_helps_the_model(near: list[AttackOutcome], far: list[AttackOutcome]) -> Iterator[Doubt]:
    """The same attack in a larger ball is weaker (Athalye 2018, section 3: larger bounds, higher success)."""
    for less in near:
        for more in far:
            if (less.name, less.params, less.source) == (more.name, more.params, more.source) and stronger(less, more):
                yield Doubt("suspect", f"{less.title} is weaker at a larger eps: {broken_by(less, more)} there")
