"""Checks of attacks on one model from the outcomes of each image, by exact paired tests."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from bench.core.files import Bits
from bench.core.parsing import format_count
from bench.report.audit.attack_outcome import AttackOutcome, count, describe_broken, exceeds_limit, is_stronger
from bench.report.audit.thresholds import (
    FULL_STEPS,
    MAX_CHANGED_CLEAN,
    MAX_GAIN_OVER_ONE_STEP,
    MAX_LEFT_UNBOUNDED,
    MAX_MISSED_BY_LONGEST,
    MAX_NOT_CONVERGED,
    MIN_ITERATIVE_STEPS,
    REMAINING_ACCURACY,
    Level,
)


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt the accuracies of a model."""

    level: Level
    reason: str


def has_robust_images(attacks: list[AttackOutcome]) -> bool:
    """Whether significantly more than 1 % of the images withstand all attacks; else nothing can be overestimated."""
    worst = reduce(lambda a, b: a & b, (attack.right for attack in attacks))
    return exceeds_limit(count(worst), len(worst), REMAINING_ACCURACY)


def clean_changes(clean: Bits, attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """Attacks evaluate the clean image too, so a misclassified one that is correct under attack shows randomness."""
    for attack in attacks:
        changed = 0 if attack.last or attack.source else count(attack.right & ~clean)
        if exceeds_limit(changed, len(clean), MAX_CHANGED_CLEAN):
            yield Doubt("invalid", f"{attack.title}: {changed} of {len(clean)} clean images are right in one call only")


def above_clean(clean: Bits, attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """An attack scored on its last iterate that raises accuracy moves images towards the true class."""
    unharmed = AttackOutcome("clean", "", "", clean)
    for attack in attacks:
        if attack.last and not attack.source and is_stronger(unharmed, attack):
            gained, n = count(attack.right & ~clean), len(clean)
            yield Doubt(
                "suspect", f"{attack.title} mends {gained} of {format_count(n, 'image')} that are wrong when clean"
            )


def black_box_wins(attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """A black-box attack must not be stronger than white-box ones (Athalye 2018, section 3; Carlini 2019)."""
    white = [attack for attack in attacks if attack.length >= MIN_ITERATIVE_STEPS]
    for attack in attacks:
        if attack.black_box and white and all(is_stronger(attack, other) for other in white):
            yield Doubt("suspect", describe_broken(attack, max(white, key=lambda other: other.length)))


def effort_is_lost(attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """More steps or restarts must not weaken an ascent; if they still strengthen it much, it had not converged."""
    ascents = sorted((attack for attack in attacks if attack.steps), key=lambda attack: attack.effort)
    for place, less in enumerate(ascents):
        for more in ascents[place + 1 :]:
            if more.effort > less.effort and more.steps >= MIN_ITERATIVE_STEPS:
                if is_stronger(less, more):
                    yield Doubt("suspect", f"{describe_broken(less, more)}, for all its steps")
                fresh, n = count(less.right & ~more.right), len(less.right)
                if less.steps >= FULL_STEPS and exceeds_limit(fresh, n, MAX_NOT_CONVERGED):
                    yield Doubt("suspect", f"{less.title} had not converged: {describe_broken(more, less)}")


def gradient_misleads(attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """Another attack breaks many images that the longest ascent on the cross-entropy does not."""
    ascents = [attack for attack in attacks if attack.steps >= MIN_ITERATIVE_STEPS]
    others = [attack for attack in attacks if not attack.steps]
    if not ascents or not others:
        return
    longest = max(ascents, key=lambda attack: attack.effort)
    best = max(others, key=lambda attack: count(longest.right & ~attack.right))
    if exceeds_limit(count(longest.right & ~best.right), len(best.right), MAX_MISSED_BY_LONGEST):
        single = [
            attack for attack in attacks if attack.steps == 1 and attack.settings.get("start", "clean") == "clean"
        ]
        alike = [
            one
            for one in single
            if not exceeds_limit(count(one.right & ~longest.right), len(one.right), MAX_GAIN_OVER_ONE_STEP)
        ]
        note = f", which does no more than {alike[0].title}" if alike else ""
        yield Doubt("suspect", describe_broken(best, longest) + note)


def survives_unbounded(attacks: list[AttackOutcome]) -> Iterator[Doubt]:
    """With an unbounded radius every image must be broken (Carlini 2019, section 4)."""
    for attack in attacks:
        left, n = count(attack.right), len(attack.right)
        if exceeds_limit(left, n, MAX_LEFT_UNBOUNDED):
            yield Doubt(
                "suspect",
                f"{attack.title} leaves {left} of {format_count(n, 'image')} in a ball that holds every image",
            )


def eps_helps_the_model(near: list[AttackOutcome], far: list[AttackOutcome]) -> Iterator[Doubt]:
    """An attack must not be weaker with a larger radius (Athalye 2018, section 3)."""
    for less in near:
        for more in far:
            if (less.name, less.params, less.source) == (more.name, more.params, more.source) and is_stronger(
                less, more
            ):
                yield Doubt("suspect", f"{less.title} is weaker at a larger eps: {describe_broken(less, more)} there")
