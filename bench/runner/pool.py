"""Jobs one after the other, or side by side in processes of their own. A job that fails leaves the others alone."""

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

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # what every other job would meet with too

log = logging.getLogger("bench")


def run_jobs(
    runner: Runner, jobs: Sequence[Job], tell: ProgressCallback, workers: int, log: Path, beside: bool = True
) -> int:
    """Run every job; how many cells, and whole jobs, have failed.

    beside: in so many processes side by side. Otherwise one after the other in this process, to the same numbers.

    Each worker judges with its share of the cores, whatever the number of jobs. It trains with `Job.threads` of them,
    whatever the number of workers: weights must not depend on what else there was to do. Failed where the disk is full.
    """
    torch.set_num_threads(max(1, cores() // workers))
    with logging_to(log):
        if workers == 1 or len(jobs) <= 1 or not beside:
            return sum(attempt(runner, job, tell) for wave in waves(jobs) for job in wave)
        opening = _Opening(PluginReload(), runner, torch.get_num_threads(), log)
        lost = partial(_report, tell)
        return sum(sum(work_through(wave, opening, min(workers, len(wave)), tell, lost)) for wave in waves(jobs))


def attempt(runner: Runner, job: Job, tell: ProgressCallback) -> int:
    """Run a job; how many of its cells have failed, or 1 where the job itself has come to nothing.

    That is told, and not stored against the training: the same command tries it again.
    """
    try:
        with preserve_settings():
            return runner.run(job, tell)
    except KeyboardInterrupt:
        raise
    except (BadInput, Failed) as error:
        return _report(tell, job, str(error))
    except OSError as error:
        if error.errno in FULL:
            raise Failed(f"{error.strerror}: {error.filename or runner.results}; make room and run again") from error
        return _report(tell, job, f"{error.strerror or error}: {error.filename or ''}")
    except BaseException as error:
        if is_ctrl_c_pressed():  # an extension that was being imported has made something else of it
            raise KeyboardInterrupt from error
        log.exception("%s", job.run)
        if is_out_of_memory(error):
            return _report(tell, job, "no memory left; with more, or a smaller --batch-size, the same command goes on")
        return _report(tell, job, format_error(error))


def _report(tell: ProgressCallback, job: Job, reason: str) -> int:
    tell(Event(f"{job.name} s{job.seed}", 1, 1, 0.0, f"failed: {reason}"))
    return 1


def waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """The jobs in groups, such that each trains on the finished model of an earlier group's job, or on none."""

    def depth(job: Job) -> int:
        return 0 if job.start is None else 1 + depth(job.start)

    return [list(wave) for _, wave in groupby(sorted(jobs, key=depth), key=depth)]


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Inside the block, the bench's log goes to this file."""
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
class _Opening:
    """What a worker needs. Fields are unpickled in their order: plug-ins are imported before what they define."""

    plugins: PluginReload
    runner: Runner
    threads: int
    log: Path

    def __call__(self) -> Work:
        set_deterministic()
        torch.set_num_threads(self.threads)
        logging_to(self.log).__enter__()  # for as long as the process lives
        return partial(_attempt, self.runner)


def _attempt(runner: Runner, job: Job, tell: ProgressCallback) -> int:
    return attempt(runner, job, tell)
