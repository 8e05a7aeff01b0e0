"""Run jobs one after the other, or in parallel worker processes. A job that fails does not stop the others."""

import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from bench.core.device import set_deterministic
from bench.core.errors import BadInput, Failed, ProcessLost
from bench.core.foreign.guard import is_out_of_memory
from bench.core.foreign.interrupt import is_ctrl_c_pressed
from bench.core.foreign.messages import format_error
from bench.core.foreign.plugins import PluginReload
from bench.core.foreign.process_state import preserve_settings
from bench.core.processes import Work, cores, work_through
from bench.core.progress import Event, ProgressCallback
from bench.runner.job_runner import Runner
from bench.runner.units import Unit, UnitRunner, count_shards, first_units, next_units, run_unit
from bench.training.job import Job

FULL_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT)
DISK_ERRORS = (*FULL_DISK_ERRORS, errno.EROFS)  # nothing can be written: every other job would fail too

log = logging.getLogger("bench")


class UnitResult(NamedTuple):
    """How a unit ended."""

    failed: int  # cells and exhibits; 1 if the unit itself failed
    is_lost: bool  # the unit itself failed, and nothing that waits for it can be done


def run_jobs(
    runner: Runner, jobs: Sequence[Job], tell: ProgressCallback, workers: int, log: Path, parallel: bool = True
) -> int:
    """Run every job; returns how many cells failed, plus one for each unit of work that failed as a whole.

    Evaluation uses cores / workers threads. Training uses `Job.threads`, whatever the number of workers, as the last
    digits of weights depend on it.

    Args:
        workers: number of worker processes.
        log: the file that gets progress and tracebacks.
        parallel: False runs the jobs one after the other in this process, to the same numbers.

    Raises:
        Failed: nothing can be written to the disk.
    """
    torch.set_num_threads(max(1, cores() // workers))
    with log_to_file(log):
        is_one_after_the_other = len(jobs) <= 1 and count_shards(runner) == 1
        if workers == 1 or not parallel or is_one_after_the_other:
            return sum(done.failed for done in run_here(runner, jobs, tell))
        opening = _WorkerSetup(PluginReload(), runner, torch.get_num_threads(), log)
        units, follow = first_units(runner, jobs, split=True), partial(_follow, runner, jobs)
        ended = work_through(units, opening, workers, tell, partial(report_failure, tell), follow)
        return sum(done.failed for done in ended)


def run_here(runner: Runner, jobs: Sequence[Job], tell: ProgressCallback) -> Iterator[UnitResult]:
    """Do the units of jobs one after the other in this process."""
    waiting = first_units(runner, jobs, split=False)
    while waiting:
        unit = waiting.pop(0)
        done = attempt(runner, unit, tell)
        waiting[:0] = next_units(runner, jobs, unit, done.is_lost, split=False)
        yield done


def _follow(runner: Runner, jobs: Sequence[Job], unit: Unit, done: UnitResult) -> list[Unit]:
    return next_units(runner, jobs, unit, done.is_lost, split=True)


def attempt(runner: UnitRunner, unit: Unit, tell: ProgressCallback) -> UnitResult:
    """Do a unit of work.

    The failure of a unit as a whole is reported and not stored: the same command tries it again.
    """
    try:
        with preserve_settings():
            return UnitResult(run_unit(runner, unit, tell), is_lost=False)
    except (KeyboardInterrupt, ProcessLost):
        raise
    except (BadInput, Failed) as error:
        return report_failure(tell, unit, str(error))
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise disk_failure(error, runner.results) from error
        return report_failure(tell, unit, f"{error.strerror or error}: {error.filename or ''}")
    except BaseException as error:
        if is_ctrl_c_pressed():  # an extension module turned the interrupt into another exception while it was imported
            raise KeyboardInterrupt from error
        log.exception("%s", unit.job.run)
        if is_out_of_memory(error):
            return report_failure(
                tell, unit, "no memory left; with more, or a smaller --batch-size, the same command goes on"
            )
        return report_failure(tell, unit, format_error(error))


def disk_failure(error: OSError, results: Path) -> Failed:
    """The failure of a run whose results folder cannot be written to."""
    way_out = "make room" if error.errno in FULL_DISK_ERRORS else "make it writable"
    return Failed(f"{error.strerror or error}: {error.filename or results}; {way_out} and run again")


def report_failure(tell: ProgressCallback, unit: Unit, reason: str) -> UnitResult:
    """Report that a unit as a whole failed."""
    tell(Event(f"{unit.job.name} s{unit.job.seed}", 1, 1, 0.0, f"failed: {reason}"))
    return UnitResult(1, is_lost=True)


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Inside the block, the bench's log is appended to this file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)  # no file, unless there is something to say
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("bench")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


@dataclass(frozen=True)
class _WorkerSetup:
    """What a worker process needs. Fields are unpickled in their order, so plug-ins load before their recipes do."""

    plugins: PluginReload
    runner: Runner
    threads: int
    log: Path

    def __call__(self) -> Work:
        set_deterministic()
        torch.set_num_threads(self.threads)
        log_to_file(self.log).__enter__()  # for as long as the process lives
        return partial(_attempt, self.runner)


def _attempt(runner: Runner, unit: Unit, tell: ProgressCallback) -> UnitResult:
    return attempt(runner, unit, tell)
