"""Tells a Ctrl-C of the user from a KeyboardInterrupt that a plug-in raises. Imports no torch."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CTRL_C_EXIT_CODE = 130  # the exit code that a shell reports for Ctrl-C

_presses = 0  # of Ctrl-C inside the present `watch_ctrl_c` block


def _on_ctrl_c(number: int, frame: FrameType | None) -> None:
    global _presses
    _presses += 1
    raise KeyboardInterrupt


def is_ctrl_c_pressed() -> bool:
    """Whether the user has pressed Ctrl-C in the present `watch_ctrl_c` block.

    It stays True if other code has replaced the KeyboardInterrupt, as extension modules do while they are imported.
    """
    return _presses > 0


def is_ctrl_c_watched() -> bool:
    """Whether `is_ctrl_c_pressed` is reliable here: the handler is installed, or Ctrl-C is ignored (in a worker)."""
    return signal.getsignal(signal.SIGINT) in (_on_ctrl_c, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> None:
    sys.stderr.write("bench: stopped\n")
    sys.stderr.flush()
    os._exit(CTRL_C_EXIT_CODE)


@contextmanager
def exit_at_ctrl_c() -> Iterator[None]:
    """Inside the block, Ctrl-C prints a line and ends the process. Meant for imports, which need no clean-up.

    Extension modules replace a KeyboardInterrupt by other errors while they are imported. Does nothing if the program
    has a handler of its own, as one that uses the bench as a library may.
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
def watch_ctrl_c() -> Iterator[None]:
    """Inside the block, Ctrl-C is counted for `is_ctrl_c_pressed`, and raises KeyboardInterrupt as usual.

    Does nothing inside another such block, outside the main thread, or if the program has a handler of its own. The
    handler from before the block is restored after it.
    """
    global _presses
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        _presses = 0
        signal.signal(signal.SIGINT, _on_ctrl_c)
    try:
        yield
    finally:
        if before is not None and signal.getsignal(signal.SIGINT) != before:
            signal.signal(signal.SIGINT, before)
