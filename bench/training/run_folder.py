"""The state of a run folder: whose it is, whether its training is over, and how it ended."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import nn

from bench.core.device import describe
from bench.core.errors import BadInput
from bench.core.files import remove_temporary_files, write_json
from bench.core.version import __version__
from bench.data.dataset import Dataset
from bench.models.build import build
from bench.models.checkpoint import FILES, fingerprint, load_views
from bench.results.added import PATTERN
from bench.results.run_folder import RunFolder
from bench.results.store import read_job
from bench.training.averaging import add_averaged
from bench.training.job import Job
from bench.training.recipe import Recipe
from bench.training.trainer import Views

LOCK = ".lock"
REPLACE = "put a copy of the file in its place, or delete it and run again: it is trained anew"
SUBFOLDERS = ("exhibits",)
TRAINED = ("job.json", "train.csv", "progress.pt", *FILES.values())
MEASURED = (  # of one model, so that new weights begin without them
    "results.csv", "outcomes.npz", PATTERN, "part-*.json", "partial-*.json", "partial-*.npz", "adversarial-*.npz",
    *(f"{name}/*.csv" for name in SUBFOLDERS),
)  # fmt: skip


@contextmanager
def locked(folder: Path, fold: bool = True) -> Iterator[RunFolder]:
    """One process a run folder, to read it and add to it; the lock goes with the process, however it ends.

    fold: whether results.csv and outcomes.npz are written at the end; otherwise who has the lock next writes them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise BadInput(f"another process works on {folder}; wait for it, or choose another --results") from error
    for place in (folder, *(folder / name for name in SUBFOLDERS)):
        if place == folder or not place.is_symlink():
            remove_temporary_files(place, older_than=0)  # nobody else writes here
    run = RunFolder(folder)
    try:
        try:
            yield run
        finally:
            if fold:
                run.fold()
    finally:
        lock.release()


def clear(folder: Path) -> None:
    """Remove what the bench has written to a run folder; what else somebody keeps there stays."""
    with locked(folder):
        for path in own_files(folder, *TRAINED, *MEASURED):
            path.unlink()
        for place in (folder / name for name in SUBFOLDERS):
            if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
                place.rmdir()


def own_files(folder: Path, *patterns: str) -> list[Path]:
    """The files of a run folder that have one of these names, none of them in a subfolder that is a link."""
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    return [path for path in found if path.parent == folder or not path.parent.is_symlink()]


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


def load_models(recipe: Recipe, model: str, dataset: Dataset, path: Path, run: str, averaged: bool = False) -> Views:
    """The models of a run by view, with the weights of one of its files.

    BadInput where these do not fit, or are not those that the training ended with.
    averaged: whether the run has an average of its weights, `plan.ema`.
    """
    states, views = load_views(path, run), build_views(recipe, model, dataset, averaged)
    for view, net in views.items():
        try:
            net.load_state_dict(states[view])
        except (KeyError, RuntimeError) as error:
            raise BadInput(
                f"{path} does not fit {run}: it lacks a tensor or a view, or its model is built otherwise; {REPLACE}"
            ) from error
    check_weights(path, views)
    return views


def load_start(start: Job, dataset: Dataset, path: Path) -> nn.Module:
    """The model that other jobs train on, from the file of its last weights. BadInput as of `load_models`."""
    return load_models(start.recipe, start.model, dataset, path, start.run, start.plan.ema > 0)["main"]


def check_start(folder: Path, job: Job, start: nn.Module) -> None:
    """BadInput where a job was trained on other weights of its start; folders of before that was kept pass."""
    trained_on, now = read_job(folder).get("start_weights"), fingerprint(start)
    if job.start is not None and trained_on not in (None, now):
        raise BadInput(
            f"{folder} was trained on other weights of {job.start.name} than {job.start.run} holds now; "
            f"train {job.name} anew with --retrain"
        )


def fingerprints(models: Mapping[str, Views]) -> dict[str, dict[str, str]]:
    """What job.json keeps of trained weights: digits that change with any of them, by epoch and view."""
    return {epoch: {view: fingerprint(net) for view, net in views.items()} for epoch, views in models.items()}


def check_weights(path: Path, views: Views) -> None:
    """BadInput where models loaded from a file are others than job.json beside it tells of; older ones tell of none."""
    (epoch,) = (epoch for epoch, name in FILES.items() if name == path.name)
    told = stored_fingerprints(path.parent).get(epoch)
    now = {} if told is None else fingerprints({epoch: views})[epoch]
    for view, digits in now.items():
        if told is not None and told.get(view) != digits:
            raise BadInput(
                f"{path} was changed after it was trained: the fingerprint of its view {view} is {digits}, and "
                f"{told.get(view)} in job.json; {REPLACE}"
            )


def stored_fingerprints(folder: Path) -> dict[str, dict[str, str]]:
    """Of a run's weights, by epoch and view; nothing of a run that was trained before they were kept."""
    weights: Any = read_job(folder).get("weights", {})  # which `read_job` has looked at
    return {**weights}


def remember_weights(folder: Path, models: Mapping[str, Views]) -> None:
    """Add the fingerprints of trained models, by epoch and view, to a job.json of before they were kept there."""
    known = stored_fingerprints(folder)
    weights = known | fingerprints(models)
    if weights != known:
        write_json(folder / "job.json", read_job(folder) | {"weights": weights})


def is_finished(folder: Path, epochs: tuple[str, ...]) -> bool:
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
