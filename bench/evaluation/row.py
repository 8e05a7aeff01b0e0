"""Make the row of `results.csv` from an outcome."""

from dataclasses import dataclass
from typing import Protocol

from bench.core.errors import Failed
from bench.core.stats import Summary
from bench.core.version import PROTOCOL, __version__
from bench.evaluation.conditions.base import Condition
from bench.evaluation.outcome import Outcome
from bench.results.row import Row


class EvaluatedRun(Protocol):
    """What a row says of the model: a training of this bench, or an external model."""

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
class ModelRef:
    """One set of weights: of a run, an epoch and a view."""

    subject: EvaluatedRun
    epoch: str  # last | best
    view: str  # main, or which of the recipe's batch norms or averages

    def __str__(self) -> str:
        which = self.epoch if self.view == "main" else f"{self.epoch} {self.view}"
        return f"{self.subject.name} s{self.subject.seed} {which}"


def row_of(
    model: ModelRef,
    condition: Condition,
    result: Outcome | Failed,
    *,
    n: int,
    partial: bool,
    device: str,
    precision: str,
    key: str,
) -> Row:
    """The row of a measurement, or of its failure.

    Args:
        n: test images that were asked for.
        partial: whether that is less than the test set.
        key: of the row, as the caller computed it.
    """
    subject, threat = model.subject, condition.threat
    outcome = result if isinstance(result, Outcome) else None
    value, low, high, n = value_of(condition, outcome, n)
    return Row(
        run=subject.run,
        recipe=subject.name,
        dataset=subject.dataset,
        model=subject.model,
        seed=subject.seed,
        view=model.view,
        epoch=model.epoch,
        kind=condition.kind,
        name=condition.name,
        norm=type(threat).__name__ if threat else "",
        eps=threat.eps if threat else None,
        severity=condition.severity,
        source="",
        params=condition.params,
        metric=condition.metric,
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


def value_of(condition: Condition, outcome: Outcome | None, n: int) -> Summary:
    """Value, lower and upper bound of its interval, and number of images; three None for a failure."""
    return (None, None, None, n) if outcome is None else condition.value(outcome)
