"""A pool of worker processes: how many fit, how tasks reach them, and what happens if one dies.

Imports nothing heavy, as it is the first module that a worker imports: a worker starts to watch its parent at once.
"""

import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

TERMINATION_SECONDS = 2.0  # seconds that a worker has to end after SIGTERM, before SIGKILL

Tell = Callable[[Any], None]
Work = Callable[[Any, Tell], Any]  # (task, callback for progress messages) -> result

_exit_process = os._exit  # kept here, as `guard` replaces os._exit during calls into code that is not ours


def cores() -> int:
    """Number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_idle_cores(trainings: int, workers: int, threads: int) -> str:
    """Advice for the user if trainings leave cores idle that more threads would use; otherwise empty."""
    at_once = min(trainings, workers)
    share = cores() // at_once if at_once else 0
    if share <= threads:
        return ""
    who = "the training uses" if at_once == 1 else f"{at_once} trainings at a time use"
    return (
        f"{who} {at_once * threads} of {cores()} cores; --threads {share} trains faster, and is part of the run's "
        "name, as it changes the last digits of the weights"
    )


class WorkerRaised(Exception):
    """Stands for an exception of a worker that could not be pickled."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    task: Any = None  # the one it works on, if has_task
    has_task: bool = False


def work_through(
    tasks: Sequence[Any],
    opening: Callable[[], Work],
    workers: int,
    tell: Tell,
    lost: Callable[[Any, str], Any],
    follow: Callable[[Any, Any], Sequence[Any]] = lambda task, result: (),
) -> Iterator[Any]:
    """Run tasks on a number of worker processes and yield their results in the order in which they finish.

    Args:
        tasks: picklable values; so are their results.
        opening: picklable; called once in each worker, returns the function that runs a task.
        workers: number of processes.
        tell: called in this process with every progress message of a task.
        lost: (task, how the process ended) -> the result of a task whose process died. A new process replaces it.
        follow: (task, its result) -> tasks that waited for this one; they come before all others that wait.

    An exception in a worker is raised here. When the generator ends or is closed, all workers are ended.
    """
    waiting, crew, pickled = list(tasks), list[_Worker](), pickle.dumps(opening)
    try:
        while waiting or any(worker.has_task for worker in crew):
            while len(crew) < workers and sum(not worker.has_task for worker in crew) < len(waiting):
                crew.append(_start_worker(pickled))
            for worker in crew:
                if waiting and not worker.has_task:
                    _send_task(worker, waiting.pop(0))
            ready = wait([source for worker in crew for source in (worker.connection, worker.process.sentinel)])
            for worker in [w for w in crew if w.connection in ready or w.process.sentinel in ready]:
                for kind, content in _read_messages(worker):
                    if kind == "told":
                        tell(content)
                    elif kind == "raised":
                        raise content
                    else:
                        worker.has_task = False
                        waiting[:0] = follow(worker.task, content)
                        yield content
                if worker.process.sentinel in ready:
                    worker.process.join()
                    crew.remove(worker)
                    if worker.has_task:
                        result = lost(worker.task, _describe_end(worker.process))
                        waiting[:0] = follow(worker.task, result)
                        yield result
    finally:
        _stop_workers(crew)


def _send_task(worker: _Worker, task: Any) -> None:
    worker.task, worker.has_task = task, True
    try:
        worker.connection.send(task)
    except OSError:  # the worker has died; its sentinel reports that
        return


def _read_messages(worker: _Worker) -> Iterator[tuple[str, Any]]:
    """Messages that a worker has sent so far; one that it was killed in the middle of is lost."""
    try:
        while worker.connection.poll():
            yield worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join(TERMINATION_SECONDS)  # its end of the pipe is closed, so it is ending
        worker.process.terminate()


def _describe_end(process: BaseProcess) -> str:
    code = process.exitcode or 0
    if code == -signal.SIGKILL:
        return "its worker process was killed (out of memory?)"
    return f"its worker process ended by signal {-code}" if code < 0 else f"its worker process ended with code {code}"


def _stop_workers(crew: Sequence[_Worker]) -> None:
    for worker in crew:
        worker.connection.close()
        worker.process.terminate()
    for worker in crew:
        worker.process.join(TERMINATION_SECONDS)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _start_worker(opening: bytes) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, opening))
    with _block_ctrl_c():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _block_ctrl_c() -> Iterator[None]:
    """Delay Ctrl-C until after the block; a process that is started inside does not receive it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, opening: bytes) -> None:
    """Main function of a worker process: it ignores Ctrl-C, which the parent handles, and ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    try:
        work: Work = pickle.loads(opening)()  # imports torch and the rest
        while True:
            task = connection.recv()
            connection.send(("result", work(task, lambda news: connection.send(("told", news)))))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent has ended or closed the connection
    except Exception as error:
        connection.send(("raised", _make_picklable(error)))


def _make_picklable(error: Exception) -> Exception:
    try:
        if isinstance(pickle.loads(pickle.dumps(error)), type(error)):
            return error
    except Exception as wrong:
        return WorkerRaised(f"{type(error).__name__}: {error} ({wrong})")
    return WorkerRaised(f"{type(error).__name__}: {error}")


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    _exit_process(1)  # the parent was killed; this worker would keep the locks of its run folders
