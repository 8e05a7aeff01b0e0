"""A unit of work on another machine: in a temporary results folder, whose new files are what comes back."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from bench.core.device import set_deterministic
from bench.core.progress import Event
from bench.runner.engines.parcel import Content, changed_files, evaluation_patterns, write_files
from bench.runner.pool import UnitResult, attempt
from bench.runner.units import Unit, UnitRunner
from bench.training.run_folder import PROGRESS_FILE

SAVE_SECONDS = 20.0  # at most so often a unit sends what it has measured and what it would go on from


@dataclass(frozen=True)
class UnitOrder:
    """A unit with the files that it needs."""

    unit: Unit
    files: Content  # of its run folder
    start: Content  # of the run that the job is trained on; empty if it is trained from scratch


@dataclass(frozen=True)
class News:
    """What a unit reports while it is done: progress, and the files that it has measured or could go on from."""

    order: int  # its number
    event: Event
    files: Content


def do_order(
    runner: UnitRunner, order: UnitOrder, number: int, send: Callable[[News], None]
) -> tuple[UnitResult, Content]:
    """Do a unit of work; returns how it ended and the files that are new or changed in its run folder."""
    set_deterministic()
    torch.set_num_threads(1)  # a training sets its own number
    unit = order.unit
    live = (PROGRESS_FILE,) if unit.shard is None else evaluation_patterns(unit.shard)
    with TemporaryDirectory(prefix="bench-") as place:
        results = Path(place)
        folder = results / unit.job.run
        for run, files in ((unit.job.run, order.files), (unit.job.start and unit.job.start.run, order.start)):
            if run and files:
                write_files(results / run, files)
        folder.mkdir(parents=True, exist_ok=True)
        saved, sent = time.monotonic(), dict(order.files)

        def tell(event: Event) -> None:
            nonlocal saved
            files: Content = {}
            if time.monotonic() - saved > SAVE_SECONDS:
                files, saved = changed_files(folder, sent, live), time.monotonic()
                sent.update(files)
            send(News(number, event, files))

        done = attempt(runner.with_results(results), unit, tell)
        return done, changed_files(folder, order.files)
