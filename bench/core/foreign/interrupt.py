"""Ctrl-C, told apart from a KeyboardInterrupt that somebody's code raises. No torch here."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = 130  # the exit code that a shell reports for Ctrl-C

_presses = 0  # of Ctrl-C, while `watched_interrupts`


def _press(number: int, frame: FrameType | None) -> None:
    global _presses
    _presses += 1
    raise KeyboardInterrupt


def is_pressed() -> bool:
    """Whether the user has pressed Ctrl-C in the present `watched_interrupts` block.

    True whatever became of the KeyboardInterrupt: an extension that is being imported makes an ImportError of it.
    """
    return _presses > 0


def is_watched() -> bool:
    """Whether this process is told of Ctrl-C by `is_pressed`, or (a worker) ignores it."""
    return signal.getsignal(signal.SIGINT) in (_press, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> None:
    sys.stderr.write("bench: stopped\n")
    sys.stderr.flush()
    os._exit(STOPPED)


@contextmanager
def stopped_at_once() -> Iterator[None]:
    """Inside the block, Ctrl-C ends the process with a line. For imports, where there is nothing to tidy up.

    Extensions make other errors of a KeyboardInterrupt while they are imported. Nothing changes where a program that
    uses the bench as a library has a handler of its own.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def watched_interrupts() -> Iterator[None]:
    """Inside the block, Ctrl-C is noted, and raises KeyboardInterrupt as usual.

    Nothing changes inside another such block, in other threads than the main one, and where a program that uses the
    bench as a library has a handler of its own. The handler is the same again afterwards, whatever was done to it.
    """
    global _presses
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        _presses = 0
        signal.signal(signal.SIGINT, _press)
    try:
        yield
    finally:
        if before is not None and signal.getsignal(signal.SIGINT) != before:
            signal.signal(signal.SIGINT, before)
