"""The state of a run folder: whose it is, whether its training is over, and how it ended."""

import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from bench import __version__
from bench.averaging import add_averaged
from bench.checkpoint import FILES, load_views
from bench.data import Dataset
from bench.device import describe
from bench.errors import BadInput
from bench.job import Job
from bench.models import build
from bench.recipe import Recipe
from bench.results import read_job, write_json
from bench.train import Views

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process a run folder; the lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise BadInput(f"another process works on {folder}; wait for it, or choose another --results") from error
    for leftover in [*folder.glob(".*"), *folder.glob("*/.*")]:  # of a process killed while it wrote
        if leftover.name != LOCK:
            leftover.unlink()
    try:
        yield
    finally:
        lock.release()


def forget(folder: Path) -> None:
    """Remove what a run folder holds, down to the lock."""
    with locked(folder):
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()


def describe_job(folder: Path, job: Job, device: torch.device, status: str, **facts: object) -> None:
    """Write job.json: what was asked for, where it was done, and how it stands (training, trained, failed: why)."""
    start = job.start.run if job.start else None
    asked = {"run": job.run, **asdict(job), "recipe": repr(job.recipe), "start": start}
    where = environment(device) | {"threads": job.threads}
    write_json(folder / "job.json", {**asked, "environment": where, **facts, "status": status})


def environment(device: torch.device) -> dict[str, object]:
    """The machine and the packages that numbers come from."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": describe(device),
        "threads": torch.get_num_threads(),
        "bench": __version__,
        **{name: version(name) for name in ("torch", "numpy")},
    }


def build_views(recipe: Recipe, model: str, dataset: Dataset, averaged: bool) -> Views:
    """The models that a training ends with, by view, with no weights yet. averaged: also those of its average."""
    views = recipe.finish(recipe.prepare(build(model, dataset)))
    return add_averaged(views, recipe.finish(recipe.prepare(build(model, dataset)))) if averaged else views


def finished(recipe: Recipe, model: str, dataset: Dataset, path: Path, run: str, averaged: bool = False) -> Views:
    """The models of a run by view, with the weights of one of its files. BadInput where these do not fit.

    averaged: whether the run has an average of its weights, `plan.ema`.
    """
    states, views = load_views(path, run), build_views(recipe, model, dataset, averaged)
    for view, net in views.items():
        try:
            net.load_state_dict(states[view])
        except (KeyError, RuntimeError) as error:
            raise BadInput(
                f"{path} does not fit {run}: its model is built otherwise; delete it and run again"
            ) from error
    return views


def is_settled(folder: Path, epochs: tuple[str, ...]) -> bool:
    """Whether nothing is left to train: the weights of these epochs are there, or training is known to fail."""
    if not (folder / "job.json").exists():
        return False
    return bool(failure(folder)) or (status(folder) == "trained" and all((folder / FILES[e]).exists() for e in epochs))


def failure(folder: Path) -> str:
    """Why the training of a run failed; empty if it did not."""
    said = status(folder)
    return said.removeprefix("failed: ") if said.startswith("failed: ") else ""


def status(folder: Path) -> str:
    return str(read_job(folder).get("status", ""))
