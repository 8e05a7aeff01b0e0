"""Processes that work for this one: how many there is room for, and what becomes of them and of their work.

Light on purpose, as it is the first thing that a worker imports: it looks for its parent before anything else.
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

GRACE = 2.0  # seconds that a worker has to end after it was told to

Tell = Callable[[Any], None]
Work = Callable[[Any, Tell], Any]  # (task, what the driver is told meanwhile) -> result

_leave = os._exit  # the real one, whatever stands in its place while somebody's code is at work


def cores() -> int:
    """The processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_idle_cores(trainings: int, workers: int, threads: int) -> str:
    """A line for the user where trainings leave cores idle that more threads would use; otherwise empty."""
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
    """What a worker's code raised, where that could not be handed over."""


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    task: Any = None  # that it is at work on
    has_task: bool = False


def work_through(
    tasks: Sequence[Any],
    opening: Callable[[], Work],
    workers: int,
    tell: Tell,
    lost: Callable[[Any, str], Any],
) -> Iterator[Any]:
    """The results of the tasks, as they come, made by so many processes side by side.

    opening: called once in each process, makes what does the work there. It is pickled, as tasks and results are.
    tell:    is given, in this process, what the work tells meanwhile.
    lost:    (task, how the process ended) -> what stands for the result where a process died over its task. Another
             process takes its place, and the other tasks are worked on.
    What the work raises is raised here. No process is left when this ends, however it ends.
    """
    waiting, crew, pickled = list(tasks), list[_Worker](), pickle.dumps(opening)
    try:
        while waiting or any(worker.has_task for worker in crew):
            while len(crew) < workers and sum(not worker.has_task for worker in crew) < len(waiting):
                crew.append(_start_worker(pickled))
            for worker in crew:
                if waiting and not worker.has_task:
                    _give(worker, waiting.pop(0))
            ready = wait([source for worker in crew for source in (worker.connection, worker.process.sentinel)])
            for worker in [w for w in crew if w.connection in ready or w.process.sentinel in ready]:
                for kind, content in _messages(worker):
                    if kind == "told":
                        tell(content)
                    elif kind == "raised":
                        raise content
                    else:
                        worker.has_task = False
                        yield content
                if worker.process.sentinel in ready:
                    worker.process.join()
                    crew.remove(worker)
                    if worker.has_task:
                        yield lost(worker.task, _end_of(worker.process))
    finally:
        _end(crew)


def _give(worker: _Worker, task: Any) -> None:
    worker.task, worker.has_task = task, True
    try:
        worker.connection.send(task)
    except OSError:  # it has died meanwhile, and its sentinel says so
        return


def _messages(worker: _Worker) -> Iterator[tuple[str, Any]]:
    """What a worker has sent so far; what it was killed over is lost."""
    try:
        while worker.connection.poll():
            yield worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join(GRACE)  # its end of the pipe is closed: it is about to end
        worker.process.terminate()


def _end_of(process: BaseProcess) -> str:
    code = process.exitcode or 0
    if code == -signal.SIGKILL:
        return "its worker process was killed (out of memory?)"
    return f"its worker process ended by signal {-code}" if code < 0 else f"its worker process ended with code {code}"


def _end(crew: Sequence[_Worker]) -> None:
    for worker in crew:
        worker.connection.close()
        worker.process.terminate()
    for worker in crew:
        worker.process.join(GRACE)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


def _start_worker(opening: bytes) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, opening))
    with _ctrl_c_held_back():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Ctrl-C waits until after the block; a process that is started inside never hears of it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, opening: bytes) -> None:
    """A worker from its first line to its last: it leaves Ctrl-C to its parent, and lives no longer than that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    try:
        work: Work = pickle.loads(opening)()  # where the heavy imports are
        while True:
            task = connection.recv()
            connection.send(("result", work(task, lambda news: connection.send(("told", news)))))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent has ended, or has no more to do
    except Exception as error:
        connection.send(("raised", _sendable(error)))


def _sendable(error: Exception) -> Exception:
    try:
        if isinstance(pickle.loads(pickle.dumps(error)), type(error)):
            return error
    except Exception as wrong:
        return WorkerRaised(f"{type(error).__name__}: {error} ({wrong})")
    return WorkerRaised(f"{type(error).__name__}: {error}")


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    _leave(1)  # it was killed: an orphan would hold the locks of its run folders
