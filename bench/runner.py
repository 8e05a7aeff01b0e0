"""Carry out work: train what is not trained, judge what is not judged, store each number as it comes."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import nn

from bench import __version__
from bench.checkpoint import FILES, fingerprint, load_views, save_views
from bench.conditions import Attacked, Condition
from bench.device import describe
from bench.errors import BadInput, Failed
from bench.evaluate import PROTOCOL, outcomes
from bench.job import Job
from bench.judge import Outcome
from bench.models import build
from bench.price import cell_cost, training_cost
from bench.progress import Event, Tell
from bench.results import Row, read_job, read_outcomes, read_rows, store, write_csv, write_json
from bench.stats import wilson
from bench.train import CURVES, Training, Views
from bench.work import Work

LOCK = ".lock"


@dataclass(frozen=True)
class Runner:
    """Work, the folder it is kept in, and what it is done with."""

    work: Work
    results: Path
    device: torch.device
    precision: str
    batch_size: int

    def run(self, job: Job, tell: Tell, retrain: bool = False) -> int:
        """Train a job unless its weights are there, and fill its missing cells. The number of failed cells.

        retrain: forget what is there, failures included.
        """
        folder = self.results / job.run
        with locked(folder):
            if retrain:
                forget(folder)
            if not is_trained(folder, self.work.epochs):
                self.train(job, folder, tell)
            if reason := failure(folder):
                return self._store_failures(job, folder, reason)
            views = self.load(job, folder)
            return sum(self.judge(job, folder, epoch, view, model, tell) for (epoch, view), model in views.items())

    def train(self, job: Job, folder: Path, tell: Tell) -> None:
        saved = folder / "progress.pt"
        record = {
            "run": job.run, "name": job.name, "recipe": repr(job.recipe), "dataset": job.dataset, "data": job.data,
            "model": job.model, "seed": job.seed, "budget": job.budget, "plan": asdict(job.plan),
            "precision": job.precision, "environment": environment(self.device),
        }  # fmt: skip
        write_json(folder / "job.json", record | {"status": "training"})
        training = Training(job, self.work.dataset, self.work.train, self.work.holdout, self.device)
        epochs, weight = job.plan.epochs, training_cost(self.work, job)
        title = f"{job.name} s{job.seed} training"
        tell(Event(title, len(training.curve), epochs, weight))

        def after(epoch: dict[str, float]) -> None:
            write_csv(folder / "train.csv", CURVES, [dict(r) for r in training.curve])
            word = f"hold-out {epoch['val_clean']:.1%} clean, {epoch['val_pgd']:.1%} PGD-10"
            tell(Event(title, int(epoch["epoch"]), epochs, weight, word))

        try:
            last, best = training.run(saved, after)
        except Failed as error:
            write_json(folder / "job.json", record | {"status": f"failed: {error}"})
            saved.unlink(missing_ok=True)
            tell(Event(title, epochs, epochs, weight, f"failed: {error}"))
            return
        for name in ("results.csv", "outcomes.npz"):  # of older weights
            (folder / name).unlink(missing_ok=True)
        for epoch, views in {"last": last, "best": best}.items():
            save_views(folder / FILES[epoch], views, job.run)
        seconds = sum(r["seconds"] for r in training.curve)
        cost = {"passes_per_image": training.cost, "seconds": seconds, "best_epoch": training.best["epoch"] + 1}
        write_json(folder / "job.json", record | {"status": "trained"} | cost)
        saved.unlink(missing_ok=True)

    def todo(self, retrain: bool = False) -> tuple[list[Job], list[Condition]]:
        """The trainings and the cells that are not on disk; a training to come counts with its main view."""
        trainings: list[Job] = []
        cells: list[Condition] = []
        for job in self.work.jobs:
            folder = self.results / job.run
            if retrain or not is_trained(folder, self.work.epochs):
                trainings.append(job)
                cells += self.work.conditions * len(self.work.epochs)
            elif not failure(folder):
                for model in self.load(job, folder).values():
                    cells += self.missing(folder, model).values()
        return trainings, cells

    def load(self, job: Job, folder: Path) -> dict[tuple[str, str], nn.Module]:
        """The finished models of a trained job, by epoch (last, best) and view."""
        models: dict[tuple[str, str], nn.Module] = {}
        for epoch in self.work.epochs:
            plain: Views = job.recipe.finish(job.recipe.prepare(build(job.model, self.work.dataset)))
            states = load_views(folder / FILES[epoch], job.run)
            for view, model in plain.items():
                model.load_state_dict(states[view])
                models[epoch, view] = model.to(self.device).eval()
        return models

    def missing(self, folder: Path, model: nn.Module) -> dict[str, Condition]:
        """The conditions that no stored row of these very weights, images and settings answers, by key."""
        stored, bits = {row.key: row for row in read_rows(folder)}, read_outcomes(folder)
        keys = {self.key(model, condition): condition for condition in self.work.conditions}
        return {k: c for k, c in keys.items() if k not in stored or (stored[k].status == "ok" and k not in bits)}

    def key(self, model: nn.Module, condition: Condition) -> str:
        params = condition.attack.params if isinstance(condition, Attacked) else ""
        images = self.work.test.first(self.work.n).fingerprint()
        parts = (fingerprint(model), images, condition, params, self.precision, PROTOCOL)
        return sha256(repr(parts).encode()).hexdigest()[:16]

    def judge(self, job: Job, folder: Path, epoch: str, view: str, model: nn.Module, tell: Tell) -> int:
        """Fill the missing cells of one model. How many of its cells are stored as failed."""
        for key, condition in self.missing(folder, model).items():
            title, weight = f"{job.name} s{job.seed} {epoch} {label(condition)}", cell_cost(condition, self.work.n)

            def after(o: Outcome, title: str = title, weight: float = weight) -> None:
                if o.done < self.work.n:
                    tell(Event(title, o.done, self.work.n, weight, f"{o.right[: o.done].mean():.1%} so far"))

            tell(Event(title, 0, self.work.n, weight))
            try:
                outcome = outcomes(
                    model,
                    self.work.test,
                    condition,
                    n=self.work.n,
                    precision=self.precision,
                    batch_size=self.batch_size,
                    saved=folder / f"partial-{key}.json",
                    tick=after,
                )
                row, bits = self.row(job, epoch, view, condition, key, outcome), outcome.right
                word = f"{outcome.right.mean():.1%} of {self.work.n} right, {outcome.seconds:.1f} s, {row.verdict}"
            except Failed as error:
                row, bits, word = self.row(job, epoch, view, condition, key, str(error)), None, f"failed: {error}"
            store(folder, row, bits)
            tell(Event(title, self.work.n, self.work.n, weight, word))
        return sum(row.status != "ok" for row in read_rows(folder) if (row.epoch, row.view) == (epoch, view))

    def row(self, job: Job, epoch: str, view: str, condition: Condition, key: str, result: Outcome | str) -> Row:
        """One measurement, or (result a reason) one failure, as it is stored."""
        n, attacked = self.work.n, condition if isinstance(condition, Attacked) else None
        outcome = result if isinstance(result, Outcome) else None
        right = int(outcome.right.sum()) if outcome else 0
        low, high = wilson(right, n) if outcome else (None, None)
        return Row(
            run=job.run, recipe=job.name, dataset=job.dataset, model=job.model, seed=job.seed, view=view, epoch=epoch,
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
            forwards=outcome.forwards / n if outcome else None,
            backwards=outcome.backwards / n if outcome else None,
            seconds=outcome.seconds if outcome else None,
            verdict=outcome.verdict if outcome else "",
            status="ok" if outcome else f"failed: {result}",
            partial=n < len(self.work.test),
            device=describe(self.device),
            precision=self.precision,
            version=__version__,
            protocol=PROTOCOL,
            key=key,
        )  # fmt: skip

    def _store_failures(self, job: Job, folder: Path, reason: str) -> int:
        """A training that gave no model fails every cell asked of it."""
        keys = [row.key for row in read_rows(folder)]
        for epoch in self.work.epochs:
            for condition in self.work.conditions:
                key = sha256(repr((job.run, epoch, condition, self.work.n, PROTOCOL)).encode()).hexdigest()[:16]
                if key not in keys:
                    store(folder, self.row(job, epoch, "main", condition, key, reason), None)
        return len(self.work.epochs) * len(self.work.conditions)


def label(condition: Condition) -> str:
    if not isinstance(condition, Attacked):
        return "clean"
    return f"{condition.attack.name} {type(condition.threat).__name__} {condition.threat.eps:.4g}"


def is_trained(folder: Path, epochs: tuple[str, ...]) -> bool:
    """Whether nothing is left to train: the weights are there, or training is known to fail."""
    if not (folder / "job.json").exists():
        return False
    status = str(read_job(folder).get("status", ""))
    return status.startswith("failed") or (status == "trained" and all((folder / FILES[e]).exists() for e in epochs))


def forget(folder: Path) -> None:
    """Remove what a run folder holds, down to the lock."""
    for path in folder.iterdir():
        if path.name != LOCK:
            path.unlink()


def failure(folder: Path) -> str:
    """Why the training of a run failed; empty if it did not."""
    status = str(read_job(folder).get("status", ""))
    return status.removeprefix("failed: ") if status.startswith("failed") else ""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process a run folder; the lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise BadInput(f"another process works on {folder}; wait for it, or choose another --results") from error
    try:
        yield
    finally:
        lock.release()


def environment(device: torch.device) -> dict[str, str]:
    """What may explain a difference between two machines."""
    packages = {name: version(name) for name in ("torch", "numpy")}
    machine = {"python": platform.python_version(), "system": platform.platform(), "device": describe(device)}
    return packages | machine | {"bench": __version__, "threads": str(torch.get_num_threads())}
