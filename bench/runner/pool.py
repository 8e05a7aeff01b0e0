"""Run jobs one after the other, or in parallel worker processes. A job that fails does not stop the others."""

import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import torch

from bench.core.device import set_deterministic
from bench.core.errors import BadInput, Failed
from bench.core.foreign.guard import is_out_of_memory
from bench.core.foreign.interrupt import is_ctrl_c_pressed
from bench.core.foreign.messages import format_error
from bench.core.foreign.plugins import PluginReload
from bench.core.foreign.process_state import preserve_settings
from bench.core.processes import Work, cores, work_through
from bench.core.progress import Event, ProgressCallback
from bench.runner.job_runner import Runner
from bench.training.job import Job

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # nothing can be written: every other job would fail too

log = logging.getLogger("bench")


def run_jobs(
    runner: Runner, jobs: Sequence[Job], tell: ProgressCallback, workers: int, log: Path, parallel: bool = True
) -> int:
    """Run every job; returns how many cells failed, plus one for each job that failed as a whole.

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
        if workers == 1 or len(jobs) <= 1 or not parallel:
            return sum(attempt(runner, job, tell) for wave in split_into_waves(jobs) for job in wave)
        opening = _WorkerSetup(PluginReload(), runner, torch.get_num_threads(), log)
        lost = partial(_report, tell)
        return sum(
            sum(work_through(wave, opening, min(workers, len(wave)), tell, lost)) for wave in split_into_waves(jobs)
        )


def attempt(runner: Runner, job: Job, tell: ProgressCallback) -> int:
    """Run a job; returns how many of its cells failed, or 1 if the job itself did.

    The failure of a job is reported and not stored: the same command tries it again.
    """
    try:
        with preserve_settings():
            return runner.run(job, tell)
    except KeyboardInterrupt:
        raise
    except (BadInput, Failed) as error:
        return _report(tell, job, str(error))
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise Failed(f"{error.strerror}: {error.filename or runner.results}; make room and run again") from error
        return _report(tell, job, f"{error.strerror or error}: {error.filename or ''}")
    except BaseException as error:
        if is_ctrl_c_pressed():  # an extension module turned the interrupt into another exception while it was imported
            raise KeyboardInterrupt from error
        log.exception("%s", job.run)
        if is_out_of_memory(error):
            return _report(tell, job, "no memory left; with more, or a smaller --batch-size, the same command goes on")
        return _report(tell, job, format_error(error))


def _report(tell: ProgressCallback, job: Job, reason: str) -> int:
    tell(Event(f"{job.name} s{job.seed}", 1, 1, 0.0, f"failed: {reason}"))
    return 1


def split_into_waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """Group the jobs: first those that start from scratch, then those that train on models of the group before."""

    def depth(job: Job) -> int:
        return 0 if job.start is None else 1 + depth(job.start)

    return [list(wave) for _, wave in groupby(sorted(jobs, key=depth), key=depth)]


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


def _attempt(runner: Runner, job: Job, tell: ProgressCallback) -> int:
    return attempt(runner, job, tell)
