"""Which images an attack on a model broke, compared with another attack or a limit by exact tests."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.core.files import Bits
from bench.core.parsing import format_count, split_last
from bench.core.stats import binomial_exceeds, mcnemar
from bench.report.audit.thresholds import SIGNIFICANCE, Limit


@dataclass(frozen=True, eq=False)
class AttackOutcome:
    """An attack on the model, and the outcomes: right (n,) bool, True where the model is correct."""

    title: str
    name: str
    params: str
    right: Bits
    source: str = ""

    @property
    def last(self) -> bool:
        return split_last(self.name)[1]

    @property
    def black_box(self) -> bool:
        """Whether the attack used no gradient of this model: transferred images, or a query attack."""
        return bool(self.source) or bool(self.settings.get("black_box", self.name == "Square"))

    @cached_property  # reports ask for it thousands of times
    def settings(self) -> dict[str, Any]:
        """The settings of the attack, from column `params`."""
        known: dict[str, Any] = json.loads(self.params or "{}")
        return known

    @property
    def length(self) -> int:
        """Number of gradient steps; 0 for black-box attacks and where the settings have no steps."""
        return 0 if self.black_box else int(self.settings.get("steps", 0))

    @cached_property
    def steps(self) -> int:
        """Steps if the attack is an ascent on the cross-entropy (FGSM: 1); 0 for other attacks.

        FGSM and PGD-k are known by name; others say it of themselves by the attribute `ascent`, which is stored.
        """
        if self.settings.get("ascent"):
            return self.length or 1
        if re.fullmatch(r"(R-)?FGSM", self.name):
            return 1
        margin = self.settings.get("loss") == "margin"
        return self.length if re.fullmatch(r"PGD-\d+", self.name) and not margin else 0

    @property
    def effort(self) -> int:
        return self.steps * int(self.settings.get("restarts", 1))


def count(images: Bits) -> int:
    """The number of images that are True, (n,) bool."""
    return int(images.sum())


def exceeds_limit(images: int, n: int, limit: Limit) -> bool:
    """Whether a number of n images is significantly more than the limit's share (exact binomial test)."""
    return n > 0 and binomial_exceeds(images, n, limit.share) < SIGNIFICANCE


def is_stronger(one: AttackOutcome, other: AttackOutcome) -> bool:
    """Whether `one` breaks significantly more images than `other` (McNemar)."""
    return mcnemar(count(other.right & ~one.right), count(one.right & ~other.right), "greater") < SIGNIFICANCE


def describe_broken(one: AttackOutcome, other: AttackOutcome) -> str:
    """Text: how many images `one` breaks and `other` does not."""
    return (
        f"{one.title} breaks {count(other.right & ~one.right)} of "
        f"{format_count(len(one.right), 'image')} that {other.title} leaves"
    )
