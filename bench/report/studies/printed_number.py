"""Printed numbers in the terms of this bench: the model and the measurement that each is about."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.report.labels import AUTOATTACK
from bench.report.studies.setup import StudyRun, TrainingSetup

Kind = Literal["accuracy", "mean", "spread", "score", "gradient", "cosine", "seconds"]


@dataclass(frozen=True)
class MetricSpec:
    """The measurement that a printed number is about."""

    kind: Kind
    attack: str = ""  # in the syntax of --attacks, a step size in pixels as `step=2px`; empty: clean images
    eps: float = 8.0  # in 1/255, of CIFAR-10
    corruption: str = ""
    statistic: str = ""  # of a gradient: `mean all`; of a cosine: `running_mean 3`, layers counted from 0
    crafter: str = ""  # architecture of the paper that images are crafted on, if it is another one
    other_seed: bool = False  # whether images are crafted on the same recipe trained with another seed


@dataclass(frozen=True)
class Number:
    """One printed number and its place in a table."""

    line: tuple[str, ...]
    column: str
    text: str  # as printed; empty if a dash is printed, or if it is not legible
    recipe: str  # registered name; empty if it is not registered
    view: str
    source: str  # recipe whose model the images were crafted on; empty: white-box
    where: TrainingSetup
    reading: MetricSpec
    mark: str = ""  # "+" or "-" as printed beside the number: above or below that of the standard model
    epoch: Literal["last", "best"] = "last"  # of the model that the paper reports

    @property
    def model(self) -> tuple[str, str, str]:
        """What identifies the model and the origin of its images for one data set and architecture."""
        return self.recipe, self.view, self.source

    @property
    def printed_value(self) -> float:
        return float(self.text) if self.text else math.nan


def any_iterate(attack: str) -> str:
    """The same attack scored on any iterate: its name without `.last`."""
    return attack.replace(".last", "", 1)


def parts_of(numbers: Sequence[Number], seeds: int) -> Iterator[StudyRun]:
    """The requests that measure numbers: for each training setup one for each kind of evaluation that needs its own."""
    for where in dict.fromkeys(n.where for n in numbers if n.recipe):
        here = [n for n in numbers if n.where == where and n.recipe]
        shared: dict[str, Any] = {"seeds": seeds, "where": where}
        attacked = [n for n in here if n.reading.attack and not n.source]
        farthest = max((n.reading.eps for n in attacked), default=0.0)
        for eps in dict.fromkeys(n.reading.eps for n in attacked):
            some = [n for n in attacked if n.reading.eps == eps]
            printed_attacks = [n.reading.attack for n in some]
            beside = [*map(any_iterate, printed_attacks), *([AUTOATTACK] if eps == farthest else [])]
            yield StudyRun(_recipes(some), tuple(dict.fromkeys([*printed_attacks, *beside])), eps, **shared)
        moved = [n for n in here if n.source]
        for eps, crafter in dict.fromkeys((n.reading.eps, n.reading.crafter) for n in moved):
            some = [n for n in moved if (n.reading.eps, n.reading.crafter) == (eps, crafter)]
            sources = () if crafter else tuple(dict.fromkeys(n.source for n in some))
            methods = tuple(dict.fromkeys([*sources, *_recipes(some)]))
            least = max(seeds, 2 if any(n.reading.other_seed for n in some) else 1)
            attacks = tuple(dict.fromkeys(n.reading.attack for n in some))
            yield StudyRun(methods, attacks, eps, transfer=True, crafter=crafter, seeds=least, where=where)
        if corrupted := [n for n in here if n.reading.corruption]:
            yield StudyRun(
                _recipes(corrupted), corruptions=tuple(dict.fromkeys(n.reading.corruption for n in corrupted)), **shared
            )
        if norms := [n for n in here if n.reading.kind == "gradient"]:
            yield StudyRun(_recipes(norms), diagnostics=("gradient",), **shared)
        if cosines := [n for n in here if n.reading.kind == "cosine"]:
            yield StudyRun(_recipes(cosines), exhibits=("batchnorm",), **shared)
        in_runs = {n.recipe for n in [*attacked, *moved, *corrupted, *norms, *cosines]}
        if left := [n for n in here if n.recipe not in in_runs]:
            yield StudyRun(_recipes(left), **shared)


def _recipes(numbers: Sequence[Number]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(number.recipe for number in numbers))
