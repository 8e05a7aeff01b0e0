"""Units of work: a training, or the evaluation of its models on a share of the test images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.core.progress import ProgressCallback
from bench.results.shards import SHARD_BLOCK, Shard
from bench.runner.job_runner import Runner
from bench.runner.shards.results import begun_shards
from bench.training.job import Job
from bench.training.run_folder import is_finished

SHARD_PASSES = 5e5  # forward passes of an evaluation that are worth a unit of their own


@dataclass(frozen=True)
class Unit:
    """A piece of work that one process does."""

    job: Job
    shard: Shard | None  # the images on which the trained models are evaluated; None: the training


def run_unit(runner: Runner, unit: Unit, tell: ProgressCallback) -> int:
    """Do a unit of work; returns how many cells and exhibits failed."""
    if unit.shard is None:
        runner.train(unit.job, tell)
        return 0
    return replace(runner, options=replace(runner.options, shard=unit.shard)).evaluate(unit.job, tell)


def first_units(runner: Runner, jobs: Sequence[Job], split: bool) -> list[Unit]:
    """The units that wait for no other one, in the order of the jobs. split: as of `next_units`."""
    untrained = {job.run for job in jobs if not _is_trained(runner, job)}
    ready = [job for job in jobs if job.start is None or job.start.run not in untrained]
    return [unit for job in ready for unit in _begin(runner, job, split)]


def next_units(runner: Runner, jobs: Sequence[Job], unit: Unit, has_failed: bool, split: bool) -> list[Unit]:
    """The units that wait for this one: the evaluation of the trained models, and trainings that start from them.

    Args:
        jobs: all jobs of the run.
        has_failed: whether the unit itself failed, so that there is nothing to evaluate.
        split: cut an evaluation into shards, so that several processes share it.
    """
    if unit.shard is not None:
        return []
    evaluation = [] if has_failed else list(_evaluation(runner, unit.job, split))
    continued = [job for job in jobs if job.start is not None and job.start.run == unit.job.run]
    return [*evaluation, *(Unit(job, None) for job in continued)]


def _begin(runner: Runner, job: Job, split: bool) -> Iterator[Unit]:
    """The training of a job, or its evaluation where it is trained already."""
    if _is_trained(runner, job):
        yield from _evaluation(runner, job, split)
    else:
        yield Unit(job, None)


def _is_trained(runner: Runner, job: Job) -> bool:
    return is_finished(runner.results / job.run, runner.experiment.epochs)


def _evaluation(runner: Runner, job: Job, split: bool) -> Iterator[Unit]:
    if runner.options.shard.count > 1:
        yield Unit(job, runner.options.shard)
        return
    begun = begun_shards(runner.results / job.run)
    is_possible = 0 < begun <= most_shards(runner)  # it may have begun with more images, and have been left
    count = begun if is_possible else count_shards(runner) if split else 1
    yield from (Unit(job, Shard(index, count)) for index in range(1, count + 1))


def count_shards(runner: Runner) -> int:
    """Into how many shards an evaluation is cut: the same number on any machine, so that each can go on with it."""
    experiment = runner.experiment
    passes = sum(condition.cost(experiment.n) for condition in experiment.conditions if condition.sharded)
    return max(1, min(most_shards(runner), round(passes / SHARD_PASSES)))


def most_shards(runner: Runner) -> int:
    """Into how many shards an evaluation can be cut, as a shard is at least a block of images of each attack."""
    experiment = runner.experiment
    sharded = [condition for condition in experiment.conditions if condition.sharded]
    return min((-(-experiment.n // (condition.base().block or SHARD_BLOCK)) for condition in sharded), default=1)
