"""Run the jobs of an experiment: train what is not trained, evaluate what is not evaluated, store each row at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from bench.core.errors import Failed
from bench.core.progress import ProgressCallback
from bench.core.version import PROTOCOL
from bench.evaluation.conditions.base import Condition
from bench.evaluation.identity import computes, trained_identity
from bench.evaluation.row import ModelRef
from bench.models.checkpoint import WEIGHT_FILES
from bench.results.keys import digest16
from bench.results.run_folder import RunFolder
from bench.results.shards import Shard
from bench.runner.cells import CellPlan
from bench.runner.exhibits import ExhibitWriter
from bench.runner.experiment import Experiment
from bench.runner.model_evaluation import ModelEvaluation
from bench.runner.options import CellOptions
from bench.runner.torchrun.team import Team
from bench.runner.train_job import JobTraining, train_job
from bench.training.job import Job
from bench.training.run_folder import failure, is_finished, lock_folder
from bench.training.stored_models import check_start, load_models, load_start, remember_weights


@dataclass(frozen=True)
class Todo:
    """What a job still lacks."""

    job: Job
    training: bool  # whether it is to be trained
    cells: tuple[Condition, ...]  # one for each missing row, so a condition may occur several times
    exhibits: int  # how many


@dataclass(frozen=True)
class Runner:
    """Runs the jobs of one experiment in one results folder, on one device."""

    experiment: Experiment
    results: Path
    device: torch.device
    options: CellOptions
    team: Team | None = None  # the processes that share each training; None: this one alone

    @property
    def cells(self) -> CellPlan:
        """The cells of every model of the experiment."""
        experiment = self.experiment
        return CellPlan(
            experiment.test, experiment.n, experiment.conditions, self.device, experiment.precision, self.options
        )

    @property
    def exhibit_writer(self) -> ExhibitWriter:
        """Writes the exhibits of every model of the experiment; with shards, the first one writes them."""
        experiment = self.experiment
        return ExhibitWriter(
            experiment.exhibits if self.options.shard.index == 1 else (),
            experiment.test.first(experiment.n),
            experiment.dataset.threat,
        )

    def with_shard(self, shard: Shard) -> "Runner":
        """The same, for the images of a shard alone."""
        return replace(self, options=replace(self.options, shard=shard))

    def with_results(self, results: Path) -> "Runner":
        """The same, in another results folder."""
        return replace(self, results=results)

    def is_trained(self, job: Job) -> bool:
        """Whether nothing is left to train of a job: it is trained, or its training has failed."""
        return is_finished(self.results / job.run, self.experiment.epochs)

    def train(self, job: Job, tell: ProgressCallback) -> None:
        """Train a job if it is not trained. A training that fails is stored as failed."""
        with lock_folder(self.results / job.run):
            if not self.is_trained(job):
                train_job(JobTraining(self.experiment, job, self.results, self.device, self.team), tell)

    def evaluate(self, job: Job, tell: ProgressCallback) -> int:
        """Add the missing cells and exhibits of a trained job; returns how many of these failed.

        If the training has failed, every cell of the job is stored as failed and counted, by the first shard.
        """
        folder = self.results / job.run
        with lock_folder(folder, shard=self.options.shard) as run_folder:
            if reason := failure(folder):
                for key, (epoch, condition) in self._unstored_failures(job, run_folder).items():
                    row = self.cells.row(ModelRef(job, epoch, "main"), condition, key, Failed(reason))
                    run_folder.add(row, None)
                is_counted = self.options.shard.index == 1
                return len(self.experiment.epochs) * len(self.experiment.conditions) * is_counted
            start, models = self.start(job), self.load(job, run_folder)
            with run_folder.hold_lock():
                remember_weights(folder, group_by_epoch(models))
            return sum(
                self._evaluation(run_folder, ModelRef(job, *which), net, tell).fill()
                + self.exhibit_writer.fill(folder, ModelRef(job, *which), net, start, tell)
                for which, net in models.items()
            )

    def _evaluation(
        self, run_folder: RunFolder, model: ModelRef, net: nn.Module, tell: ProgressCallback
    ) -> ModelEvaluation:
        identity = trained_identity(net, self.experiment.test)
        return ModelEvaluation(self.cells, run_folder, model, net, identity, tell)

    def todo(self, retrain: bool = False) -> list[Todo]:
        """What is left to do for each job that lacks something.

        Cells of a training that is still to come are counted for its main view. Failed attacks are counted, as they
        are tried again; failed trainings are not, as they would fail again.

        Args:
            retrain: count every job as not trained.
        """
        found = []
        for job in self.experiment.jobs:
            folder, cells, exhibits = self.results / job.run, [], 0
            run_folder = RunFolder(folder)
            training = retrain or not self.is_trained(job)
            if training:
                cells = [*self.experiment.conditions] * len(self.experiment.epochs)
                exhibits = len(self.exhibit_writer.available(job.start is not None)) * len(self.experiment.epochs)
            elif failure(folder):
                cells = [*self.experiment.conditions]
            else:
                start = self.start(job)
                for which, net in self.load(job, run_folder).items():
                    model = ModelRef(job, *which)
                    cells += self.cells.missing_conditions(
                        run_folder, model, trained_identity(net, self.experiment.test)
                    ).values()
                    exhibits += len(self.exhibit_writer.missing_exhibits(folder, model, net, start))
            if training or cells or exhibits:
                found.append(Todo(job, training, tuple(cells), exhibits))
        return found

    def load(self, job: Job, run_folder: RunFolder) -> dict[tuple[str, str], nn.Module]:
        """The finished models of a trained job, by epoch (last, best) and view.

        Raises:
            BadInput: weights are damaged, or are not those that job.json or the folder's rows are of.
        """
        if (start := self.start(job)) is not None:
            check_start(run_folder.path, job, start)
        what = job.recipe, job.model, self.experiment.dataset
        models = {
            (epoch, view): net.to(self.device).eval()
            for epoch in self.experiment.epochs
            for view, net in load_models(
                *what, run_folder.path / WEIGHT_FILES[epoch], job.run, job.plan.ema > 0
            ).items()
        }
        for which, net in models.items():
            identity = trained_identity(net, self.experiment.test)
            if not computes(identity):  # a model that computes more than its weights say may change with its plug-in
                self.cells.check_same_weights(run_folder, ModelRef(job, *which), identity)
        return models

    def start(self, job: Job) -> nn.Module | None:
        """The finished model that a job was trained on; None if it is trained from scratch or the file is gone."""
        if job.start is None:
            return None
        path = self.results / job.start.run / WEIGHT_FILES["last"]
        return load_start(job.start, self.experiment.dataset, path).to(self.device).eval() if path.exists() else None

    def _unstored_failures(self, job: Job, run_folder: RunFolder) -> dict[str, tuple[str, Condition]]:
        """The cells of a failed training for which no failed row is stored yet: epoch and condition by key."""
        stored = {row.key for row in run_folder.rows}
        cells = {
            digest16(job.run, epoch, condition, self.experiment.n, PROTOCOL): (epoch, condition)
            for epoch in self.experiment.epochs
            for condition in self.experiment.conditions
        }
        return {key: cell for key, cell in cells.items() if key not in stored}


def group_by_epoch(models: Mapping[tuple[str, str], nn.Module]) -> dict[str, dict[str, nn.Module]]:
    """Turn models by (epoch, view) into models by view, by epoch."""
    found: dict[str, dict[str, nn.Module]] = {}
    for (epoch, view), net in models.items():
        found.setdefault(epoch, {})[view] = net
    return found
