"""Units of work: a training, or the evaluation of its models on a share of the test images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.core.progress import ProgressCallback
from bench.evaluation.external.external_run import ExternalRun
from bench.results.shards import SHARD_BLOCK, Shard
from bench.runner.cells import CellPlan
from bench.runner.shards.joining import begun_shards
from bench.training.job import Job

SHARD_PASSES = 5e5  # forward passes of an evaluation that are worth a unit of their own


class UnitRunner(Protocol):
    """What does units of work: `job_runner.Runner` for jobs, `external_runner.ExternalRunner` for an outside model."""

    @property
    def results(self) -> Path:
        """The results folder that it reads and writes."""

    @property
    def cells(self) -> CellPlan:
        """What every model is measured on."""

    def is_trained(self, job: Any) -> bool:
        """Whether nothing is left to train of a job."""

    def train(self, job: Any, tell: ProgressCallback) -> None:
        """Train a job if it is not trained. A training that fails is stored as failed."""

    def evaluate(self, job: Any, tell: ProgressCallback) -> int:
        """Measure what its models lack; returns how many cells and exhibits failed."""

    def with_shard(self, shard: Shard) -> "UnitRunner":
        """The same, for the images of a shard alone."""

    def with_results(self, results: Path) -> "UnitRunner":
        """The same, in another results folder."""


Subject = Job | ExternalRun  # whose models are measured: a training of this bench, or an outside model


@dataclass(frozen=True)
class Unit:
    """A piece of work that one process does."""

    job: Subject
    shard: Shard | None  # the images on which the trained models are evaluated; None: the training


def run_unit(runner: UnitRunner, unit: Unit, tell: ProgressCallback) -> int:
    """Do a unit of work; returns how many cells and exhibits failed."""
    if unit.shard is None:
        runner.train(unit.job, tell)
        return 0
    return runner.with_shard(unit.shard).evaluate(unit.job, tell)


def first_units(runner: UnitRunner, jobs: Sequence[Subject], split: bool) -> list[Unit]:
    """The units that wait for no other one, in the order of the jobs. split: as of `next_units`."""
    untrained = {job.run for job in jobs if not runner.is_trained(job)}
    ready = [job for job in jobs if job.start is None or job.start.run not in untrained]
    return [unit for job in ready for unit in _begin(runner, job, split)]


def next_units(runner: UnitRunner, jobs: Sequence[Subject], unit: Unit, has_failed: bool, split: bool) -> list[Unit]:
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


def _begin(runner: UnitRunner, job: Subject, split: bool) -> Iterator[Unit]:
    """The training of a job, or its evaluation where it is trained already."""
    if runner.is_trained(job):
        yield from _evaluation(runner, job, split)
    else:
        yield Unit(job, None)


def _evaluation(runner: UnitRunner, job: Subject, split: bool) -> Iterator[Unit]:
    if runner.cells.options.shard.count > 1:
        yield Unit(job, runner.cells.options.shard)
        return
    begun = begun_shards(runner.results / job.run)
    is_possible = 0 < begun <= most_shards(runner)  # not if it began on more images than are asked for now
    count = begun if is_possible else count_shards(runner) if split else 1
    yield from (Unit(job, Shard(index, count)) for index in range(1, count + 1))


def count_shards(runner: UnitRunner) -> int:
    """Into how many shards an evaluation is cut: the same number on any machine, so that each can go on with it."""
    cells = runner.cells
    passes = sum(condition.cost(cells.n) for condition in cells.conditions if condition.sharded)
    return max(1, min(most_shards(runner), round(passes / SHARD_PASSES)))


def most_shards(runner: UnitRunner) -> int:
    """Into how many shards an evaluation can be cut, as a shard is at least a block of images of each attack."""
    cells = runner.cells
    sharded = [condition for condition in cells.conditions if condition.sharded]
    return min((-(-cells.n // (condition.base().block or SHARD_BLOCK)) for condition in sharded), default=1)
