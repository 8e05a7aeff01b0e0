"""Carry out work: train what is not trained, judge what is not judged, store each number as it comes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench.core.errors import Failed
from bench.core.progress import ProgressCallback
from bench.evaluation.conditions.base import Condition
from bench.evaluation.evaluator import PROTOCOL
from bench.evaluation.identity import computes, trained_identity
from bench.evaluation.row import ModelRef
from bench.models.checkpoint import FILES
from bench.results.keys import digest16
from bench.results.run_folder import RunFolder
from bench.runner.cells import CellEvaluator
from bench.runner.exhibits import ExhibitWriter
from bench.runner.experiment import Experiment
from bench.runner.options import CellOptions
from bench.runner.train_job import train_job
from bench.training.job import Job
from bench.training.run_folder import (
    check_start,
    failure,
    is_finished,
    load_models,
    load_start,
    lock_folder,
    remember_weights,
)


@dataclass(frozen=True)
class Todo:
    """What a job still lacks."""

    job: Job
    training: bool
    cells: tuple[Condition, ...]
    exhibits: int


@dataclass(frozen=True)
class Runner:
    """Work, the folder it is kept in, and what it is done with."""

    work: Experiment
    results: Path
    device: torch.device
    options: CellOptions

    @property
    def exam(self) -> CellEvaluator:
        """What every model of the work is judged under."""
        work = self.work
        return CellEvaluator(work.test, work.n, work.conditions, self.device, work.precision, self.options)

    @property
    def gallery(self) -> ExhibitWriter:
        """The exhibits of every model of the work; with shards, the first one makes them."""
        work = self.work
        return ExhibitWriter(
            work.exhibits if self.options.shard.index == 1 else (), work.test.first(work.n), work.dataset.threat
        )

    def run(self, job: Job, tell: ProgressCallback) -> int:
        """Train a job unless its weights are there, fill its missing cells and exhibits. How many of these failed."""
        folder = self.results / job.run
        with lock_folder(folder) as held:
            if not is_finished(folder, self.work.epochs):
                train_job(self.work, job, self.results, self.device, tell)
            if reason := failure(folder):
                for key, (epoch, condition) in self._unsaid(job, held).items():
                    row = self.exam.row(ModelRef(job, epoch, "main"), condition, key, Failed(reason))
                    held.add(row, None)
                return len(self.work.epochs) * len(self.work.conditions)
            start, models = self.start(job), self.load(job, held)
            remember_weights(folder, by_epoch(models))
            return sum(
                self.exam.judge(held, ModelRef(job, *which), net, trained_identity(net, self.work.test), tell)
                + self.gallery.fill(folder, ModelRef(job, *which), net, start, tell)
                for which, net in models.items()
            )

    def todo(self, retrain: bool = False) -> list[Todo]:
        """What there is to do, for each job that lacks something; a training to come counts with its main view.

        Failed attacks are to be done again; a failed training is not, as it would fail again.
        """
        found = []
        for job in self.work.jobs:
            folder, cells, exhibits = self.results / job.run, [], 0
            held = RunFolder(folder)
            training = retrain or not is_finished(folder, self.work.epochs)
            if training:
                cells = [*self.work.conditions] * len(self.work.epochs)
                exhibits = len(self.gallery.of(job.start is not None)) * len(self.work.epochs)
            elif failure(folder):
                cells = [*self.work.conditions]
            else:
                start = self.start(job)
                for which, net in self.load(job, held).items():
                    model = ModelRef(job, *which)
                    cells += self.exam.missing(held, model, trained_identity(net, self.work.test)).values()
                    exhibits += len(self.gallery.missing(folder, model, net, start))
            if training or cells or exhibits:
                found.append(Todo(job, training, tuple(cells), exhibits))
        return found

    def load(self, job: Job, held: RunFolder) -> dict[tuple[str, str], nn.Module]:
        """The finished models of a trained job, by epoch (last, best) and view.

        BadInput where they are not those that the folder tells of.
        """
        if (start := self.start(job)) is not None:
            check_start(held.path, job, start)
        what = job.recipe, job.model, self.work.dataset
        models = {
            (epoch, view): net.to(self.device).eval()
            for epoch in self.work.epochs
            for view, net in load_models(*what, held.path / FILES[epoch], job.run, job.plan.ema > 0).items()
        }
        for which, net in models.items():
            identity = trained_identity(net, self.work.test)
            if not computes(identity):  # otherwise a plug-in may have changed, around the same weights
                self.exam.require_judged(held, ModelRef(job, *which), identity)
        return models

    def start(self, job: Job) -> nn.Module | None:
        """The finished model that a job was trained on; None where there is none, or it is there no longer."""
        if job.start is None:
            return None
        path = self.results / job.start.run / FILES["last"]
        return load_start(job.start, self.work.dataset, path).to(self.device).eval() if path.exists() else None

    def _unsaid(self, job: Job, held: RunFolder) -> dict[str, tuple[str, Condition]]:
        """The cells, by key, that a failed training has not failed in writing yet."""
        said = {row.key for row in held.rows}
        asked = {
            digest16(job.run, epoch, condition, self.work.n, PROTOCOL): (epoch, condition)
            for epoch in self.work.epochs
            for condition in self.work.conditions
        }
        return {key: cell for key, cell in asked.items() if key not in said}


def by_epoch(models: Mapping[tuple[str, str], nn.Module]) -> dict[str, dict[str, nn.Module]]:
    """Models by epoch and view, one within the other."""
    found: dict[str, dict[str, nn.Module]] = {}
    for (epoch, view), net in models.items():
        found.setdefault(epoch, {})[view] = net
    return found
