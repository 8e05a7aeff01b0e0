"""What work will cost, in words: by recipe, and in all."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.processes import cores
from bench.runner.cost import LEARNING, training_cost, training_images
from bench.runner.job_runner import Runner, Todo
from bench.runner.pace import measure_pace
from bench.training.job import Job

QUICK = 10.0  # seconds of work that are over sooner than a second process has started and imported torch
FEW = 1e6  # passes above which nothing is quick, so that it need not be timed
UNIT = (
    "a pass is one image sent forward through the network, its way back counts as two; times are of this machine, idle"
)


@dataclass(frozen=True)
class Cost:
    """Of what a job lacks, in forward passes of an image, a backward pass counted as two."""

    job: Job
    training: float  # passes
    learning: float  # those of the training with gradients of weights, which take longer
    evaluation: float

    @property
    def passes(self) -> float:
        """Of all that the job lacks."""
        return self.training + self.evaluation


def cost_of(runner: Runner, todo: Todo) -> Cost:
    """Counted on a small batch where a training is to come. BadInput where the recipe cannot compute a loss."""
    cells = sum(c.cost(len(runner.exam.ids(c))) for c in todo.cells)
    if not todo.training:
        return Cost(todo.job, 0.0, 0.0, cells)
    learning = LEARNING * training_images(runner.work, todo.job)
    return Cost(todo.job, training_cost(runner.work, todo.job), learning, cells)


def longest_first(missing: Sequence[Todo], costs: Sequence[Cost]) -> list[Job]:
    """The jobs of what is missing, so that processes side by side end at about the same time."""
    order = sorted(range(len(missing)), key=lambda place: -costs[place].passes)
    return [missing[place].job for place in order]


def seconds_of(cost: Cost, runner: Runner, workers: int) -> tuple[float, float]:
    """About what the training and the evaluation of a job take here, in one of so many processes."""
    if not cost.passes:
        return 0.0, 0.0
    judging = measure_pace(runner.work, runner.device, max(1, cores() // workers)).attack * cost.evaluation
    if not cost.training:
        return 0.0, judging
    pace = measure_pace(runner.work, runner.device, cost.job.threads)
    return pace.attack * (cost.training - cost.learning) + pace.learning * cost.learning, judging


def is_quick(runners: Sequence[Runner], costs: Sequence[Sequence[Cost]], workers: int) -> bool:
    """Whether all that is lacking is done sooner in this process than in others that are to be started for it."""
    if sum(cost.passes for part in costs for cost in part) > FEW:
        return False
    taken = [sum(seconds_of(cost, r, workers)) for r, part in zip(runners, costs, strict=True) for cost in part]
    return sum(taken) < QUICK


def by_recipe(runners: Sequence[Runner], costs: Sequence[Sequence[Cost]], workers: int) -> list[str]:
    """A line for each recipe that lacks something: passes, shares of training and evaluation, time in one process.

    Before them, one that says what a pass is; none where nothing is lacking.
    """
    totals: dict[str, list[float]] = {}
    for runner, part in zip(runners, costs, strict=True):
        for cost in part:
            line = totals.setdefault(cost.job.name, [0.0, 0.0, 0.0])
            for place, more in enumerate((cost.passes, *seconds_of(cost, runner, workers))):
                line[place] += more
    lines = [f"{UNIT}, for {runners[0].work.jobs[0].model} in {runners[0].work.precision}:"] if totals else []
    width = max(map(len, totals), default=0) + 1
    for name, (passes, training, judging) in totals.items():
        share = training / (training + judging) if training + judging else 0.0
        lines.append(
            f"  {name + ':':<{width}} {passes:.2g} passes, {share:.0%} of the time for training and "
            f"{1 - share:.0%} for evaluation, about {duration(training + judging)} in one process"
        )
    return lines


def estimate(
    runners: Sequence[Runner], todo: Sequence[Sequence[Todo]], costs: Sequence[Sequence[Cost]], workers: int
) -> str:
    """What there is to do in all, in a line."""
    total = sum(len(work.jobs) * len(work.epochs) * len(work.conditions) for work in (r.work for r in runners))
    missing = [t for part in todo for t in part]
    passes = sum(cost.passes for part in costs for cost in part)
    seconds = 0.0
    for runner, part in zip(runners, costs, strict=True):
        alone = [sum(seconds_of(cost, runner, workers)) for cost in part]
        seconds += max(sum(alone) / min(workers, len(alone)), *alone) if alone else 0.0
    trainings, cells = sum(t.training for t in missing), sum(len(t.cells) for t in missing)
    exhibits = sum(t.exhibits for t in missing)
    beside, counted = f", {exhibits} exhibits" if exhibits else "", f"{passes:.2g} passes, " if passes else ""
    return f"{trainings} trainings, {cells} of {total} cells{beside} to do, {counted}about {duration(seconds)}"


def transfer_seconds(runner: Runner, passes: float) -> float:
    """About what so many passes of attacks take here, with all cores."""
    return passes * measure_pace(runner.work, runner.device, cores()).attack


def duration(seconds: float) -> str:
    """Rounded as an estimate deserves."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
