"""From an outcome to the row that is stored."""

from dataclasses import dataclass

from bench import __version__
from bench.conditions import Attacked, Condition
from bench.errors import Failed
from bench.evaluate import PROTOCOL
from bench.job import Job
from bench.judge import Outcome
from bench.results import Row
from bench.stats import wilson


@dataclass(frozen=True)
class Model:
    """Which weights a row is about."""

    job: Job
    epoch: str  # last | best
    view: str


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
    job, attacked = model.job, condition if isinstance(condition, Attacked) else None
    outcome = result if isinstance(result, Outcome) else None
    right = int(outcome.right.sum()) if outcome else 0
    low, high = wilson(right, n) if outcome else (None, None)
    return Row(
        run=job.run,
        recipe=job.name,
        dataset=job.dataset,
        model=job.model,
        seed=job.seed,
        view=model.view,
        epoch=model.epoch,
        kind="attack" if attacked else "clean",
        name=attacked.attack.name if attacked else "",
        norm=type(attacked.threat).__name__ if attacked else "",
        eps=attacked.threat.eps if attacked else None,
        severity=None,
        source="",
        params=attacked.attack.params if attacked else "",
        metric="accuracy",
        value=right / n if outcome else None,
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


def label(condition: Condition) -> str:
    """A condition in a few words, e.g. `PGD-20 Linf 0.2`."""
    if not isinstance(condition, Attacked):
        return "clean"
    return f"{condition.attack.name} {type(condition.threat).__name__} {condition.threat.eps:.4g}"
