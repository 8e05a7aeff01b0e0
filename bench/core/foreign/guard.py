"""Guards around calls into code that is not ours: models, attacks, recipes, data set readers, plug-ins.

Each such call is made inside `guarded_call()`, so that a failure loses one cell or job and nothing else. The guard
takes tens of microseconds, so it is put around whole calls and not around each forward pass.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import NoReturn

from bench.core.errors import BadInput, Failed
from bench.core.foreign.interrupt import is_ctrl_c_pressed, is_ctrl_c_watched, watch_ctrl_c
from bench.core.foreign.process_state import preserve_settings

REPEAT_SECONDS = 1.0  # seconds between repeated timeouts, for code that has caught the first one


class Quit(RuntimeError):
    """Code that is not ours tried to end the process, e.g. by SystemExit, which is the cause (`__cause__`)."""


class _OutOfTime(BaseException):
    """Raised in an attack at its timeout. A BaseException, so that no `except Exception` in the attack catches it."""


@contextmanager
def guarded_call(of_torch: bool = True) -> Iterator[None]:
    """Inside the block code that is not ours runs; it can raise an `Exception` or be interrupted by Ctrl-C, no more.

    SystemExit, os._exit and a KeyboardInterrupt that the code raises itself become `Quit`; after a Ctrl-C of the user
    the block raises KeyboardInterrupt. Settings of the process (`process_state`) are restored afterwards.

    of_torch: False leaves out torch's settings, if nothing has imported torch.
    """
    with preserve_settings(of_torch), watch_ctrl_c(), _no_exit():
        try:
            yield
        except _OutOfTime:
            raise
        except BaseException as error:
            ours = isinstance(error, KeyboardInterrupt) and not is_ctrl_c_watched()
            if is_ctrl_c_pressed() or ours:
                raise KeyboardInterrupt from error
            if isinstance(error, Exception):
                raise
            raise Quit(f"{type(error).__name__}: {error}") from error


@contextmanager
def _no_exit() -> Iterator[None]:
    """Inside the block, `os._exit` raises SystemExit in this process; in forked processes it exits as usual."""
    leave, process = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != process:
            leave(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the machine, CPU or GPU, has run out of memory."""
    of_torch = (sys.modules["torch"].OutOfMemoryError,) if "torch" in sys.modules else ()
    return isinstance(error, (MemoryError, *of_torch)) or "can't allocate memory" in str(error)


_attack_timeout: ContextVar[float | None] = ContextVar("attack timeout", default=None)


@contextmanager
def attack_timeout(seconds: float | None) -> Iterator[None]:
    """Set the time limit of `limited_call` inside the block; None: no limit.

    BadInput outside the main thread or on systems without SIGALRM, which the limit needs.
    """
    if seconds is not None and not _has_alarm():
        raise BadInput("--attack-timeout needs the alarm clock of Unix, and the main thread; leave it out here")
    token = _attack_timeout.set(seconds)
    try:
        yield
    finally:
        _attack_timeout.reset(token)


@contextmanager
def limited_call() -> Iterator[None]:
    """Inside the block one call of an attack is made; Failed if it exceeds the limit of `attack_timeout`."""
    seconds = _attack_timeout.get()
    if seconds is None or not _has_alarm():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _OutOfTime

    handler = signal.signal(signal.SIGALRM, stop)
    before = signal.setitimer(signal.ITIMER_REAL, seconds, REPEAT_SECONDS)
    try:
        yield
    except _OutOfTime as error:
        raise Failed(f"it took longer than the {seconds:g} s of --attack-timeout for one call") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)


def _has_alarm() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
