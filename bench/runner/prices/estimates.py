"""Estimates of passes and time for the work that is to do, by recipe and in all, as `--dry-run` prints them."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.parsing import format_count
from bench.core.processes import cores
from bench.runner.job_runner import Runner, Todo
from bench.runner.prices.cost import LEARNING_PASSES, training_cost, training_images
from bench.runner.prices.pace import measure_pace
from bench.training.job import Job

QUICK_SECONDS = 10.0  # about what starting worker processes takes; shorter work is done in this process
QUICK_PASSES = 1e6  # more passes are never that quick, so that the pace need not be measured
UNIT_TEXT = (
    "a pass is one image sent forward through the network, its way back counts as two; times are of this machine, idle"
)


@dataclass(frozen=True)
class Cost:
    """The cost of what a job lacks, in forward passes of one image; a backward pass counts as two."""

    job: Job
    training: float  # all passes of the training
    learning: float  # those of `training` with gradients of the weights, which take longer
    evaluation: float

    @property
    def passes(self) -> float:
        """Passes of the training and the evaluation together."""
        return self.training + self.evaluation


def cost_of(runner: Runner, todo: Todo) -> Cost:
    """The cost of what a job lacks; a training's is counted on a small batch. BadInput if the recipe has no loss."""
    cells = sum(c.cost(len(runner.cells.ids(c))) for c in todo.cells)
    if not todo.training:
        return Cost(todo.job, 0.0, 0.0, cells)
    learning = LEARNING_PASSES * training_images(runner.experiment, todo.job)
    return Cost(todo.job, training_cost(runner.experiment, todo.job), learning, cells)


def longest_first(missing: Sequence[Todo], costs: Sequence[Cost]) -> list[Job]:
    """The jobs, the most expensive first, so that parallel workers end at about the same time."""
    order = sorted(range(len(missing)), key=lambda place: -costs[place].passes)
    return [missing[place].job for place in order]


def seconds_of(cost: Cost, runner: Runner, workers: int) -> tuple[float, float]:
    """Estimated seconds of a job's training and of its evaluation, in one of this many workers on this machine."""
    if not cost.passes:
        return 0.0, 0.0
    evaluation = measure_pace(runner.experiment, runner.device, max(1, cores() // workers)).attack * cost.evaluation
    if not cost.training:
        return 0.0, evaluation
    pace = measure_pace(runner.experiment, runner.device, cost.job.threads)
    return pace.attack * (cost.training - cost.learning) + pace.learning * cost.learning, evaluation


def is_quick(runners: Sequence[Runner], costs: Sequence[Sequence[Cost]], workers: int) -> bool:
    """Whether all the work is done sooner in this process than worker processes would be started for it."""
    if sum(cost.passes for part in costs for cost in part) > QUICK_PASSES:
        return False
    taken = [sum(seconds_of(cost, r, workers)) for r, part in zip(runners, costs, strict=True) for cost in part]
    return sum(taken) < QUICK_SECONDS


def list_costs_by_recipe(runners: Sequence[Runner], costs: Sequence[Sequence[Cost]], workers: int) -> list[str]:
    """A line for each recipe with work to do: passes, shares of training and evaluation, time in one process.

    The first line says what a pass is. The list is empty if there is nothing to do.
    """
    totals: dict[str, list[float]] = {}
    for runner, part in zip(runners, costs, strict=True):
        for cost in part:
            line = totals.setdefault(cost.job.name, [0.0, 0.0, 0.0])
            for place, more in enumerate((cost.passes, *seconds_of(cost, runner, workers))):
                line[place] += more
    lines = (
        [f"{UNIT_TEXT}, for {runners[0].experiment.jobs[0].model} in {runners[0].experiment.precision}:"]
        if totals
        else []
    )
    width = max(map(len, totals), default=0) + 1
    for name, (passes, training, evaluation) in totals.items():
        share = training / (training + evaluation) if training + evaluation else 0.0
        lines.append(
            f"  {name + ':':<{width}} {passes:.2g} passes, {share:.0%} of the time for training and "
            f"{1 - share:.0%} for evaluation, about {duration(training + evaluation)} in one process"
        )
    return lines


def estimate(
    runners: Sequence[Runner], todo: Sequence[Sequence[Todo]], costs: Sequence[Sequence[Cost]], workers: int
) -> str:
    """One line of all there is to do: trainings, cells, exhibits, passes, and the time on so many workers."""
    total = sum(
        len(experiment.jobs) * len(experiment.epochs) * len(experiment.conditions)
        for experiment in (r.experiment for r in runners)
    )
    missing = [t for part in todo for t in part]
    passes = sum(cost.passes for part in costs for cost in part)
    seconds = 0.0
    for runner, part in zip(runners, costs, strict=True):
        alone = [sum(seconds_of(cost, runner, workers)) for cost in part]
        seconds += max(sum(alone) / min(workers, len(alone)), *alone) if alone else 0.0
    trainings, cells = sum(t.training for t in missing), sum(len(t.cells) for t in missing)
    exhibits = sum(t.exhibits for t in missing)
    beside, counted = (
        f", {format_count(exhibits, 'exhibit')}" if exhibits else "",
        f"{passes:.2g} passes, " if passes else "",
    )
    return (
        f"{format_count(trainings, 'training')}, {cells} of {format_count(total, 'cell')}{beside} "
        f"to do, {counted}about {duration(seconds)}"
    )


def transfer_seconds(runner: Runner, passes: float) -> float:
    """Estimated seconds of so many passes of attacks on this machine, with all cores."""
    return passes * measure_pace(runner.experiment, runner.device, cores()).attack


def duration(seconds: float) -> str:
    """Format seconds as `45 s`, `12 min` or `3.4 h`: few digits, as it is an estimate."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
