"""Trainings that several processes share: `run_in_group` runs a function in each of a group of processes."""

import multiprocessing
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed import FileStore, PrefixStore
from torch.nn import functional as F
from trainings import CPU, DIGITS, HOLDOUT, TRAIN, job

from bench.core.rng import fixed_seed
from bench.data.extra import ExtraImages
from bench.data.images import Images
from bench.data.loader import to_float
from bench.training.job import Job
from bench.training.shared.batch import rows_of_batch
from bench.training.shared.group import Group, join_group
from bench.training.trainer import Trainer

State = dict[str, Tensor]
Join = Callable[[], AbstractContextManager[Group | None]]
BATCH = 20
EXTRA = ExtraImages(Path(), TRAIN.x[:50].permute(0, 2, 3, 1).numpy(), TRAIN.y[:50], 10, "")


def run_in_group(size: int, folder: Path, work: Callable[..., Any], *args: Any) -> list[Any]:
    """What work(join, *args) returns in each of so many processes; `with join() as group` all of them form a group."""
    folder.mkdir(exist_ok=True)
    context = multiprocessing.get_context("spawn")
    crew = [context.Process(target=_work, args=(rank, size, folder, work, args)) for rank in range(size)]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    assert [process.exitcode for process in crew] == [0] * size
    return [torch.load(folder / f"found{rank}", weights_only=False) for rank in range(size)]


def _work(rank: int, size: int, folder: Path, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    store, numbers = FileStore(str(folder / "store"), size), count()
    found = work(lambda: join_group(PrefixStore(f"group {next(numbers)}", store), rank, size, CPU), *args)
    torch.save(found, folder / f"found{rank}")


def no_group() -> AbstractContextManager[None]:
    """The `join` of a single process, which forms no group."""
    return nullcontext()


def train_by_steps(join: Join, names: list[str], **plan: Any) -> dict[str, State]:
    """The weights of each recipe's model after three steps on batches of BATCH images, in double precision."""
    with join() as group:
        return {name: _take_steps(group, name, **plan) for name in names}


def _take_steps(group: Group | None, name: str, **plan: Any) -> State:
    training = job(name)
    training = replace(training, plan=replace(training.plan, batch_size=BATCH, lr=0.01, **plan))
    trainer = _double(Trainer(training, DIGITS, TRAIN, HOLDOUT, CPU, group=group))
    rows = slice(None) if group is None else rows_of_batch(BATCH, training.plan.accumulate, group)
    with fixed_seed("steps"):
        for start in range(0, 3 * BATCH, BATCH):
            batch = slice(start, start + BATCH)
            x, q = to_float(TRAIN.x[batch]).double(), F.one_hot(TRAIN.y[batch], 10).double()
            trainer.step.take(x[rows], q[rows], training.plan.lr)
    averaged = trainer.average.state_dict() if trainer.average else {}
    return trainer.model.state_dict() | {f"average {key}": value for key, value in averaged.items()}


def train_whole(join: Join, training: Job, saved: Path) -> tuple[State, list[Any]]:
    """The last weights and the curve of a whole training in double precision, which goes on from a file."""
    with join() as group:
        trainer = _trainer(group, training)
        last, _ = trainer.run(saved if group is None or group.rank == 0 else None)
    curve = [{key: value for key, value in record.items() if key != "seconds"} for record in trainer.history.curve]
    return dict(last["main"].state_dict()), curve


def train_until(join: Join, training: Job, saved: Path, epoch: int) -> str:
    """A training that the first process leaves after an epoch; returns the error that this process gets."""

    def leave(record: dict[str, float]) -> None:
        if record["epoch"] == epoch and (group is None or group.rank == 0):
            raise KeyboardInterrupt

    try:
        with join() as group:
            _trainer(group, training).run(saved if group is None or group.rank == 0 else None, leave)
    except BaseException as error:
        return type(error).__name__
    return ""


def train_and_resume(join: Join, training: Job, folder: Path) -> tuple[State, str, State]:
    """Weights of a training, the error when the same one is left after two epochs, and its weights at last."""
    whole, _ = train_whole(join, training, folder / "whole.pt")
    error = train_until(join, training, folder / "left.pt", 2)
    if (folder / "left.pt").exists():
        shutil.copy(folder / "left.pt", folder / "half.pt")
    return whole, error, train_whole(join, training, folder / "left.pt")[0]


def _trainer(group: Group | None, training: Job) -> Trainer:
    train, holdout = (Images(to_float(images.x).double(), images.y) for images in (TRAIN, HOLDOUT))
    more = EXTRA if training.extra else None
    return _double(Trainer(training, DIGITS, train, holdout, CPU, group=group, extra=more))


def _double(trainer: Trainer) -> Trainer:
    for model in [trainer.model, *([trainer.average.model] if trainer.average else [])]:
        model.double()
    return trainer


def difference(a: State, b: State) -> float:
    """The largest difference of a weight."""
    assert a.keys() == b.keys()
    return max((a[key].double() - b[key].double()).abs().max().item() for key in a)
