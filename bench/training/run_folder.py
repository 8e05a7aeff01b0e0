"""The state of a run folder: its lock, job.json, weights, and whether and how its training ended."""

import platform
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import nn

from bench.core.device import describe
from bench.core.errors import BadInput
from bench.core.files import STALE_SECONDS, remove_temporary_files, write_json
from bench.core.version import __version__
from bench.data.dataset import Dataset
from bench.models.build import build
from bench.models.checkpoint import WEIGHT_FILES, fingerprint, load_views
from bench.results.added import FILE_PATTERN
from bench.results.run_folder import RunFolder
from bench.results.shards import WHOLE_SET, Shard
from bench.results.store import read_job
from bench.training.averaging import add_averaged
from bench.training.job import Job
from bench.training.recipe import Recipe
from bench.training.trainer import Views

LOCK_FILE = ".lock"
PROGRESS_FILE = "progress.pt"  # from which an interrupted training goes on
SHARD_LOCK_SECONDS = 30.0  # seconds in which a process of another shard has added its rows
REMEDY = "put a copy of the file in its place, or delete it and run again: it is trained anew"
SUBFOLDERS = ("exhibits",)
TRAINING_FILES = ("job.json", "train.csv", PROGRESS_FILE, *WEIGHT_FILES.values())
RESULT_FILES = (  # results of the present weights; deleted when new ones are trained
    "results.csv", "outcomes.npz", FILE_PATTERN, "part-*.json", "partial-*.json", "partial-*.npz", "adversarial-*.npz",
    "report.npz",
    *(f"{name}/*.csv" for name in SUBFOLDERS),
)  # fmt: skip


@contextmanager
def lock_folder(folder: Path, fold: bool = True, shard: Shard = WHOLE_SET) -> Iterator[RunFolder]:
    """Lock a run folder inside the block, to read it and add to it; the lock ends with the process at the latest.

    Processes with different shards of the same number may have a folder at the same time. Each has a lock of its own,
    and that of the folder only while it changes rows.

    Args:
        folder: made if it does not exist.
        fold: write results.csv and outcomes.npz at the end; otherwise the next process with the lock writes them.
        shard: the images that this process evaluates the run's models on.

    Raises:
        BadInput: another process has the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, is_shared = FileLock(folder / LOCK_FILE), shard.count > 1
    with ExitStack() as held:
        if is_shared:
            _acquire(held, FileLock(folder / f"{LOCK_FILE}{shard.suffix}"), 1.0, folder, f" for --shard {shard}")
            with ExitStack() as briefly:  # a process that has the whole folder would not let go of it
                _acquire(briefly, lock, SHARD_LOCK_SECONDS, folder)
        else:
            _acquire(held, lock, 0.0, folder)
            for other in folder.glob(f"{LOCK_FILE}-*of*"):
                with ExitStack() as briefly:
                    _acquire(briefly, FileLock(other), 0.0, folder, " with --shard")
        for place in (folder, *(folder / name for name in SUBFOLDERS)):
            if place == folder or not place.is_symlink():
                remove_temporary_files(place, STALE_SECONDS if is_shared else 0)  # 0: no other process writes here
        run = RunFolder(folder, lock.acquire if is_shared else None)
        try:
            yield run
        finally:
            if fold:
                run.fold()


def _acquire(held: ExitStack, lock: FileLock, seconds: float, folder: Path, how: str = "") -> None:
    """Hold a lock until the stack is closed; BadInput if another process has it for longer than this."""
    try:
        held.enter_context(lock.acquire(timeout=seconds))
    except Timeout as error:
        raise BadInput(f"another process works on {folder}{how}; wait for it, or choose another --results") from error


def clear(folder: Path) -> None:
    """Delete the files that the bench has written to a run folder; other files stay."""
    with lock_folder(folder):
        for path in own_files(folder, *TRAINING_FILES, *RESULT_FILES):
            path.unlink()
        for place in (folder / name for name in SUBFOLDERS):
            if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
                place.rmdir()


def own_files(folder: Path, *patterns: str) -> list[Path]:
    """Files of a run folder that match one of these patterns; subfolders that are links are left out."""
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    return [path for path in found if path.parent == folder or not path.parent.is_symlink()]


def describe_job(folder: Path, job: Job, device: torch.device, status: str, **facts: object) -> None:
    """Write job.json: the job, the machine, and the status (training, trained, or failed: reason)."""
    start = job.start.run if job.start else None
    job_fields = {"run": job.run, **asdict(job), "recipe": repr(job.recipe), "start": start}
    where = environment(device) | {"threads": job.threads}
    write_json(folder / "job.json", {**job_fields, "environment": where, **facts, "status": status})


def environment(device: torch.device) -> dict[str, object]:
    """Versions, device and number of threads of this process, for job.json."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": describe(device),
        "threads": torch.get_num_threads(),
        "bench": __version__,
        **{name: version(name) for name in ("torch", "numpy")},
    }


def build_views(recipe: Recipe, model: str, dataset: Dataset, averaged: bool) -> Views:
    """The finished models of a recipe by view, untrained, to load weights into. averaged: with views of plan.ema."""
    views = recipe.finish(recipe.prepare(build(model, dataset)))
    return add_averaged(views, recipe.finish(recipe.prepare(build(model, dataset)))) if averaged else views


def load_models(recipe: Recipe, model: str, dataset: Dataset, path: Path, run: str, averaged: bool = False) -> Views:
    """Load the models of a run, by view, from one of its files of weights.

    averaged: whether the run has `plan.ema`.

    Raises:
        BadInput: the weights do not fit the models, or have another fingerprint than job.json records.
    """
    states, views = load_views(path, run), build_views(recipe, model, dataset, averaged)
    for view, net in views.items():
        try:
            net.load_state_dict(states[view])
        except (KeyError, RuntimeError) as error:
            raise BadInput(
                f"{path} does not fit {run}: it lacks a tensor or a view, or its model is built otherwise; {REMEDY}"
            ) from error
    check_weights(path, views)
    return views


def load_start(start: Job, dataset: Dataset, path: Path) -> nn.Module:
    """Load the main model of a job that other jobs continue from. Raises BadInput as `load_models` does."""
    return load_models(start.recipe, start.model, dataset, path, start.run, start.plan.ema > 0)["main"]


def check_start(folder: Path, job: Job, start: nn.Module) -> None:
    """BadInput if a job was trained from other weights of its start. Older job.json files, which record none, pass."""
    trained_on, now = read_job(folder).get("start_weights"), fingerprint(start)
    if job.start is not None and trained_on not in (None, now):
        raise BadInput(
            f"{folder} was trained on other weights of {job.start.name} than {job.start.run} holds now; "
            f"train {job.name} anew with --retrain"
        )


def fingerprints(models: Mapping[str, Views]) -> dict[str, dict[str, str]]:
    """Fingerprints of trained models by epoch and view, as job.json stores them."""
    return {epoch: {view: fingerprint(net) for view, net in views.items()} for epoch, views in models.items()}


def check_weights(path: Path, views: Views) -> None:
    """BadInput if loaded models have other fingerprints than job.json beside the file; older ones record none."""
    (epoch,) = (epoch for epoch, name in WEIGHT_FILES.items() if name == path.name)
    stored = stored_fingerprints(path.parent).get(epoch)
    now = {} if stored is None else fingerprints({epoch: views})[epoch]
    for view, digits in now.items():
        if stored is not None and stored.get(view) != digits:
            raise BadInput(
                f"{path} was changed after it was trained: the fingerprint of its view {view} is {digits}, and "
                f"{stored.get(view)} in job.json; {REMEDY}"
            )


def stored_fingerprints(folder: Path) -> dict[str, dict[str, str]]:
    """Fingerprints in job.json by epoch and view; empty for runs that were trained before they were stored."""
    weights: Any = read_job(folder).get("weights", {})  # `read_job` has checked its type
    return {**weights}


def remember_weights(folder: Path, models: Mapping[str, Views]) -> None:
    """Add the fingerprints of trained models, by epoch and view, to a job.json that lacks them."""
    known = stored_fingerprints(folder)
    weights = known | fingerprints(models)
    if weights != known:
        write_json(folder / "job.json", read_job(folder) | {"weights": weights})


def is_finished(folder: Path, epochs: tuple[str, ...]) -> bool:
    """Whether nothing is left to train: the weights of these epochs exist, or the training has failed."""
    if not (folder / "job.json").exists():
        return False
    return bool(failure(folder)) or (
        status(folder) == "trained" and all((folder / WEIGHT_FILES[e]).exists() for e in epochs)
    )


def failure(folder: Path) -> str:
    """The reason why the training of a run failed; empty if it did not."""
    text = status(folder)
    return text.removeprefix("failed: ") if text.startswith("failed: ") else ""


def status(folder: Path) -> str:
    """The status in job.json: `training`, `trained` or `failed: reason`."""
    return str(read_job(folder).get("status", ""))
