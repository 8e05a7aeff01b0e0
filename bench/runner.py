"""Carry out work: train what is not trained, judge what is not judged, store each number as it comes."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

from bench.checkpoint import FILES, fingerprint
from bench.conditions import Condition
from bench.errors import Failed
from bench.evaluate import PROTOCOL
from bench.exam import Exam
from bench.fit import fit
from bench.job import Job
from bench.progress import Tell
from bench.results import read_rows, store
from bench.rows import Model
from bench.runfolder import failure, finished, is_settled, locked
from bench.shards import WHOLE, Shard
from bench.work import Work


@dataclass(frozen=True)
class Todo:
    """What a job still lacks."""

    job: Job
    training: bool
    cells: tuple[Condition, ...]


@dataclass(frozen=True)
class Runner:
    """Work, the folder it is kept in, and what it is done with."""

    work: Work
    results: Path
    device: torch.device
    precision: str
    batch_size: int
    save_adv: bool = False
    shard: Shard = WHOLE

    @property
    def exam(self) -> Exam:
        """What every model of the work is judged under."""
        work = self.work
        return Exam(
            work.test,
            work.n,
            work.conditions,
            self.device,
            self.precision,
            self.batch_size,
            self.save_adv,
            self.shard,
        )

    def run(self, job: Job, tell: Tell) -> int:
        """Train a job unless its weights are there, and fill its missing cells. How many of its cells have failed."""
        folder = self.results / job.run
        with locked(folder):
            if not is_settled(folder, self.work.epochs):
                fit(self.work, job, self.results, self.device, tell)
            if reason := failure(folder):
                for key, (epoch, condition) in self._unsaid(job, folder).items():
                    row = self.exam.row(Model(job, epoch, "main"), condition, key, Failed(reason))
                    store(folder, row, None)
                return len(self.work.epochs) * len(self.work.conditions)
            return sum(
                self.exam.judge(folder, Model(job, *which), net, fingerprint(net), tell)
                for which, net in self.load(job, folder).items()
            )

    def todo(self, retrain: bool = False) -> list[Todo]:
        """What there is to do, for each job that lacks something; a training to come counts with its main view.

        Failed attacks are to be done again; a failed training is not, as it would fail again.
        """
        found = []
        for job in self.work.jobs:
            folder, cells = self.results / job.run, []
            training = retrain or not is_settled(folder, self.work.epochs)
            if training:
                cells = [*self.work.conditions] * len(self.work.epochs)
            elif failure(folder):
                cells = [*self.work.conditions]
            else:
                cells = [
                    condition
                    for which, net in self.load(job, folder).items()
                    for condition in self.exam.missing(folder, Model(job, *which), fingerprint(net)).values()
                ]
            if training or cells:
                found.append(Todo(job, training, tuple(cells)))
        return found

    def load(self, job: Job, folder: Path) -> dict[tuple[str, str], nn.Module]:
        """The finished models of a trained job, by epoch (last, best) and view."""
        return {
            (epoch, view): net.to(self.device).eval()
            for epoch in self.work.epochs
            for view, net in finished(job.recipe, job.model, self.work.dataset, folder / FILES[epoch], job.run).items()
        }

    def _unsaid(self, job: Job, folder: Path) -> dict[str, tuple[str, Condition]]:
        """The cells, by key, that a failed training has not failed in writing yet."""
        said = {row.key for row in read_rows(folder)}
        asked = {
            sha256(repr((job.run, epoch, condition, self.work.n, PROTOCOL)).encode()).hexdigest()[:16]: (
                epoch,
                condition,
            )
            for epoch in self.work.epochs
            for condition in self.work.conditions
        }
        return {key: cell for key, cell in asked.items() if key not in said}
