"""Jobs side by side in processes of their own, which live no longer than the one that started them."""

import logging
import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from multiprocessing.queues import Queue
from pathlib import Path

import torch

from bench.device import prepare
from bench.errors import Failed
from bench.job import Job
from bench.plugins import Outsiders
from bench.progress import Event, Tell
from bench.runner import Runner
from bench.workers import cores, serve


def run_jobs(runner: Runner, jobs: Sequence[Job], tell: Tell, workers: int, log: Path) -> int:
    """Run every job; how many cells have failed.

    Each worker judges with its share of the cores, whatever the number of jobs. It trains with `Job.threads` of them,
    whatever the number of workers: weights must not depend on what else there was to do.
    """
    torch.set_num_threads(max(1, cores() // workers))
    if workers == 1 or len(jobs) <= 1:
        with logging_to(log):
            return sum(runner.run(job, tell) for wave in waves(jobs) for job in wave)
    spawn = multiprocessing.get_context("spawn")
    events: Queue[Event | None] = spawn.Queue()
    listener = threading.Thread(target=_listen, args=(events, tell), daemon=True)
    listener.start()
    arguments = (Outsiders(), runner, events, torch.get_num_threads(), log)
    try:
        with logging_to(log), ProcessPoolExecutor(min(workers, len(jobs)), spawn, _start, arguments) as pool:
            try:
                return sum(sum(pool.map(_run, wave)) for wave in waves(jobs))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for child in multiprocessing.active_children():
                    child.terminate()
                raise
    except BrokenProcessPool as error:
        raise Failed("a worker process was killed (out of memory?); the same command goes on from here") from error
    finally:
        events.put(None)
        listener.join(timeout=5)  # a worker that was killed while it wrote leaves the queue locked
        events.cancel_join_thread()


def waves(jobs: Sequence[Job]) -> list[list[Job]]:
    """The jobs in groups, such that each trains on the finished model of an earlier group's job, or on none."""

    def depth(job: Job) -> int:
        return 0 if job.start is None else 1 + depth(job.start)

    return [list(wave) for _, wave in groupby(sorted(jobs, key=depth), key=depth)]


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Inside the block, the bench's log goes to this file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path)
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


def _listen(events: "Queue[Event | None]", tell: Tell) -> None:
    while (event := events.get()) is not None:
        tell(event)


@dataclass(frozen=True)
class _Worker:
    runner: Runner
    events: "Queue[Event | None]"


_worker: _Worker  # of this process, set when it starts


def _start(plugins: object, runner: Runner, events: "Queue[Event | None]", threads: int, log: Path) -> None:
    """plugins: imported by being unpickled, which has to be before the runner is."""
    global _worker
    serve()
    prepare()
    torch.set_num_threads(threads)
    logging_to(log).__enter__()  # for as long as the process lives
    _worker = _Worker(runner, events)


def _run(job: Job) -> int:
    return _worker.runner.run(job, _worker.events.put)
