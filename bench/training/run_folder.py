"""The state of a run folder: its lock, job.json, the files in it, and whether and how its training ended."""

import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from bench.core.device import describe
from bench.core.errors import BadInput
from bench.core.files import STALE_SECONDS, remove_temporary_files, write_json
from bench.core.version import __version__
from bench.models.checkpoint import WEIGHT_FILES
from bench.results.added import FILE_PATTERN
from bench.results.run_folder import RunFolder
from bench.results.shards import WHOLE_SET, Shard
from bench.results.store import read_job
from bench.training.job import Job
from bench.training.shared.torchrun import torchrun

LOCK_FILE = ".lock"
PROGRESS_FILE = "progress.pt"  # from which an interrupted training goes on
SHARD_LOCK_SECONDS = 30.0  # seconds in which a process of another shard has added its rows
SUBFOLDERS = ("exhibits",)
TRAINING_FILES = ("job.json", "train.csv", PROGRESS_FILE, *WEIGHT_FILES.values())
RESULT_FILES = (  # results of the present weights; deleted when new ones are trained
    "results.csv", "outcomes.npz", FILE_PATTERN, "part-*.json", "partial-*.json", "partial-*.npz", "adversarial-*.npz",
    "report.npz",
    *(f"{name}/*.csv" for name in SUBFOLDERS),
)  # fmt: skip


@contextmanager
def lock_folder(folder: Path, merge: bool = True, shard: Shard = WHOLE_SET) -> Iterator[RunFolder]:
    """Lock a run folder inside the block, to read it and add to it; the lock ends with the process at the latest.

    Processes with different shards of the same number may have a folder at the same time. Each has a lock of its own,
    and that of the folder only while it changes rows.

    Args:
        folder: made if it does not exist.
        merge: write results.csv and outcomes.npz at the end; otherwise the next process with the lock writes them.
        shard: the images that this process evaluates the run's models on.

    Raises:
        BadInput: another process has the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, is_shared = FileLock(folder / LOCK_FILE), shard.count > 1
    with ExitStack() as held:
        if is_shared:
            _acquire(held, FileLock(folder / f"{LOCK_FILE}{shard.suffix}"), 1.0, folder, f" for --shard {shard}")
            # refused while a process without shards works on the folder, as that one holds this lock all the time
            with ExitStack() as briefly:
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
            if merge:
                run.merge_added()


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
    """Versions, device, and numbers of threads and of processes that train together, for job.json."""
    place = torchrun()
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": describe(device),
        "threads": torch.get_num_threads(),
        "processes": 1 if place is None else place.size,
        "bench": __version__,
        **{name: version(name) for name in ("torch", "numpy")},
    }


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
