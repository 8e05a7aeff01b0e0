"""Carry out work: train what is not trained, judge what is not judged, store each number as it comes."""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

from bench.checkpoint import FILES, fingerprint, load_views
from bench.conditions import Attacked, Condition, measurement
from bench.device import describe
from bench.errors import BadInput, Failed
from bench.evaluate import PROTOCOL, outcomes, read_off
from bench.fit import fit
from bench.job import Job
from bench.judge import Outcome
from bench.models import build
from bench.price import cell_cost
from bench.progress import Event, Tell
from bench.results import Row, read_outcomes, read_rows, store
from bench.rows import Model, label, row_of, said
from bench.runfolder import failure, is_settled, locked
from bench.train import Views
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

    def run(self, job: Job, tell: Tell) -> int:
        """Train a job unless its weights are there, and fill its missing cells. How many of its cells have failed."""
        folder = self.results / job.run
        with locked(folder):
            if not is_settled(folder, self.work.epochs):
                fit(self.work, job, self.results, self.device, tell)
            if reason := failure(folder):
                for key, (epoch, condition) in self._unsaid(job, folder).items():
                    store(folder, self._row(job, epoch, "main", condition, key, Failed(reason)), None)
                return len(self.work.epochs) * len(self.work.conditions)
            models = self.load(job, folder).items()
            return sum(self.judge(job, folder, epoch, view, model, tell) for (epoch, view), model in models)

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
                models = self.load(job, folder)
                cells = [c for (e, v), model in models.items() for c in self.missing(folder, e, v, model).values()]
            if training or cells:
                found.append(Todo(job, training, tuple(cells)))
        return found

    def load(self, job: Job, folder: Path) -> dict[tuple[str, str], nn.Module]:
        """The finished models of a trained job, by epoch (last, best) and view."""
        models: dict[tuple[str, str], nn.Module] = {}
        for epoch in self.work.epochs:
            plain: Views = job.recipe.finish(job.recipe.prepare(build(job.model, self.work.dataset)))
            states = load_views(folder / FILES[epoch], job.run)
            for view, model in plain.items():
                try:
                    model.load_state_dict(states[view])
                except (KeyError, RuntimeError) as error:
                    path = folder / FILES[epoch]
                    raise BadInput(f"{path} does not fit {job.name} on {job.model}; delete it and run again") from error
                models[epoch, view] = model.to(self.device).eval()
        return models

    def missing(self, folder: Path, epoch: str, view: str, model: nn.Module) -> dict[str, Condition]:
        """The conditions that no stored row of this model answers with a number, by key."""
        bits = read_outcomes(folder)
        rows = [row for row in read_rows(folder) if (row.epoch, row.view) == (epoch, view) and row.status == "ok"]
        answered = {row.key for row in rows if row.key in bits}
        weights = fingerprint(model)
        keys = {self.key(weights, condition): condition for condition in self.work.conditions}
        return {key: condition for key, condition in keys.items() if key not in answered}

    def key(self, weights: str, condition: Condition) -> str:
        """Of the weights, the images that the attack sees, the condition and the protocol."""
        attack = condition.attack if isinstance(condition, Attacked) else None
        block = (attack.block if attack else None) or 1
        seen = self.work.test.first(-(-self.work.n // block) * block).fingerprint()
        parts = (weights, seen, self.work.n, condition, attack.params if attack else "", self.precision, PROTOCOL)
        return sha256(repr(parts).encode()).hexdigest()[:16]

    def judge(self, job: Job, folder: Path, epoch: str, view: str, model: nn.Module, tell: Tell) -> int:
        """Fill the missing cells of one model, and say how many failed.

        What another epoch with the same weights was measured at is copied.
        """
        failed = 0
        measured: dict[Condition, Outcome] = {}  # what several conditions are read off is measured once
        for key, condition in self.missing(folder, epoch, view, model).items():
            same = [row for row in read_rows(folder) if row.key == key and row.status == "ok"]
            if same and key in read_outcomes(folder):
                store(folder, replace(same[0], epoch=epoch, view=view), None)
                continue
            which = epoch if view == "main" else f"{epoch} {view}"
            title, weight = f"{job.name} s{job.seed} {which} {label(condition)}", cell_cost(condition, self.work.n)

            def after(o: Outcome, title: str = title, weight: float = weight) -> None:
                if o.done < self.work.n:
                    tell(Event(title, o.done, self.work.n, weight, f"{o.right[: o.done].mean():.1%} so far"))

            tell(Event(title, 0, self.work.n, weight))
            saved = folder / f"partial-{key}.json"
            try:
                basis = measurement(condition)
                measured[basis] = measured.get(basis) or outcomes(
                    model,
                    self.work.test,
                    basis,
                    n=self.work.n,
                    precision=self.precision,
                    batch_size=self.batch_size,
                    saved=saved,
                    tick=after,
                )
                outcome = read_off(measured[basis], condition)
                row, bits = self._row(job, epoch, view, condition, key, outcome), outcome.right
                word = f"{said(row)}, {outcome.seconds:.1f} s, {row.verdict}"
            except Failed as error:
                row, bits, word = self._row(job, epoch, view, condition, key, error), None, f"failed: {error}"
                failed += 1
            except torch.OutOfMemoryError as error:
                raise Failed(f"no memory left to judge {title}; try a smaller --batch-size") from error
            store(folder, row, bits)
            saved.unlink(missing_ok=True)
            tell(Event(title, self.work.n, self.work.n, weight, word))
        return failed

    def _row(self, job: Job, epoch: str, view: str, condition: Condition, key: str, result: Outcome | Failed) -> Row:
        partial, device = self.work.n < len(self.work.test), describe(self.device)
        where = Model(job, epoch, view)
        return row_of(
            where, condition, result, n=self.work.n, partial=partial, device=device, precision=self.precision, key=key
        )

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
