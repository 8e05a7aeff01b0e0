"""From an outcome to the row that is stored."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from bench import __version__
from bench.conditions import Attacked, Condition, Corrupted, Diagnosed, Minimised, Probed
from bench.errors import Failed
from bench.evaluate import PROTOCOL
from bench.judge import Outcome
from bench.results import Row
from bench.stats import Summary, wilson
from bench.sweeps import Swept


class Subject(Protocol):
    """Whose models are judged: a training of ours, or a model from outside."""

    @property
    def run(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def dataset(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True)
class Model:
    """Which weights a row is about."""

    subject: Subject
    epoch: str  # last | best
    view: str

    def __str__(self) -> str:
        which = self.epoch if self.view == "main" else f"{self.epoch} {self.view}"
        return f"{self.subject.name} s{self.subject.seed} {which}"


def row_of(
    model: Model,
    condition: Condition,
    result: Outcome | Failed,
    *,
    n: int,
    partial: bool,
    device: str,
    precision: str,
    key: str,
) -> Row:
    """One measurement, or why there is none."""
    subject, attacked = model.subject, condition if isinstance(condition, Attacked | Minimised) else None
    diagnosed = condition if isinstance(condition, Diagnosed) else None
    probed = condition if isinstance(condition, Probed) else None
    swept = condition if isinstance(condition, Swept) else None
    bounded, named = attacked or probed or swept, attacked or swept
    outcome = result if isinstance(result, Outcome) else None
    value, low, high, n = measured(condition, outcome, n)
    row = Row(
        run=subject.run,
        recipe=subject.name,
        dataset=subject.dataset,
        model=subject.model,
        seed=subject.seed,
        view=model.view,
        epoch=model.epoch,
        kind="sweep" if swept else "attack" if attacked else "diagnostic" if diagnosed or probed else "clean",
        name=named.attack.name if named else diagnosed.name if diagnosed else probed.sign if probed else "",
        norm=type(bounded.threat).__name__ if bounded else "",
        eps=bounded.threat.eps if bounded else None,
        severity=None,
        source="",
        params=attacked.attack.params if attacked else swept.params if swept else probed.params if probed else "",
        metric=metric(condition),
        value=value,
        n=n,
        ci_low=low,
        ci_high=high,
        forwards=outcome.forwards / outcome.seen if outcome else None,
        backwards=outcome.backwards / outcome.seen if outcome else None,
        seconds=outcome.seconds if outcome else None,
        verdict=outcome.verdict if outcome else "",
        status="ok" if outcome else f"failed: {result}",
        partial=partial,
        device=device,
        precision=precision,
        version=__version__,
        protocol=PROTOCOL,
        key=key,
    )
    if not isinstance(condition, Corrupted):
        return row
    return replace(row, kind="corruption", name=condition.name, severity=condition.severity, params=condition.params)


def metric(condition: Condition) -> str:
    """What a row's value is."""
    if isinstance(condition, Minimised | Swept):
        return condition.reading
    if isinstance(condition, Probed):
        return "share"
    return f"{condition.statistic} {condition.group}" if isinstance(condition, Diagnosed) else "accuracy"


def measured(condition: Condition, outcome: Outcome | None, n: int) -> Summary:
    """The value of a row, its interval, and the images it is of."""
    if outcome is None:
        return None, None, None, n
    if isinstance(condition, Diagnosed):
        return condition.summary(np.array(outcome.values), outcome.right)
    if isinstance(condition, Minimised | Probed) or (isinstance(condition, Swept) and condition.reading != "accuracy"):
        return condition.summary(np.array(outcome.values))
    right = int(outcome.right.sum())
    return right / n, *wilson(right, n), n


def label(condition: Condition) -> str:
    """A condition in a few words, e.g. `PGD-20 Linf 0.2`."""
    if isinstance(condition, Diagnosed):
        return f"{condition.statistic} {condition.name}, {condition.group}"
    if isinstance(condition, Probed):
        return f"audit: {condition.sign}{f' under {condition.attack.name}' if condition.attack else ''}"
    if isinstance(condition, Minimised):
        return f"{condition.attack.name} {condition.reading}"
    if isinstance(condition, Corrupted):
        return f"{condition.name} {condition.severity}"
    if isinstance(condition, Swept) and condition.reading != "accuracy":
        return f"{condition.attack.name} {condition.reading}"
    if not isinstance(condition, Attacked | Swept):
        return "clean"
    return f"{condition.attack.name} {type(condition.threat).__name__} {condition.threat.eps:.4g}"


def said(row: Row) -> str:
    """What a row says, in a few words."""
    if row.value is None:
        return "no such image"
    if row.metric == "share":
        return f"{row.value:.1%} of {row.n} images"
    return f"{row.value:.1%} of {row.n} right" if row.metric == "accuracy" else f"{row.value:.4g} over {row.n} images"
