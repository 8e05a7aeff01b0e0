"""Processes that work for this one: how many there is room for, and what they do when it is interrupted or killed."""

import multiprocessing
import os
import signal
import threading


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


def serve() -> None:
    """Called first in a worker: it leaves Ctrl-C to its parent, and lives no longer than that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)  # it was killed: an orphan would hold the locks of its run folders
