"""Calls into code that is not ours: models, attacks, recipes, readers of data sets, plug-ins.

Each such call stands inside `guarded_call()`: whatever the code does costs its own cell or job, and nothing else.
The guard is for whole calls, not for each forward pass: it takes tens of microseconds.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import NoReturn

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput, Failed
from bench.core.foreign.interrupt import is_pressed, is_watched, watched_interrupts
from bench.core.foreign.process_state import restored_settings

AGAIN = 1.0  # seconds after which code that has swallowed the end of its time is told once more


class Quit(RuntimeError):
    """Somebody's code was about to end the process. The cause is what it raised."""


class _OutOfTime(BaseException):
    """Raised inside somebody's code; no `except Exception` of it gets in the way."""


@contextmanager
def guarded_call() -> Iterator[None]:
    """Inside the block somebody else's code is at work. An `Exception` is all that comes out of it.

    SystemExit, KeyboardInterrupt, os._exit and the like become `Quit`; what the user's own Ctrl-C has led to is
    a KeyboardInterrupt. Settings of the process (`process_state`) are restored.
    """
    with restored_settings(), watched_interrupts(), _no_exit():
        try:
            yield
        except _OutOfTime:
            raise
        except BaseException as error:
            ours = isinstance(error, KeyboardInterrupt) and not is_watched()
            if is_pressed() or ours:
                raise KeyboardInterrupt from error
            if isinstance(error, Exception):
                raise
            raise Quit(f"{type(error).__name__}: {error}") from error


@contextmanager
def _no_exit() -> Iterator[None]:
    """Inside the block, `os._exit` of this process raises SystemExit; of its forks it does what it always does."""
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
    """Whether the machine has no memory left, which is not the fault of the code that asked for it."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@contextmanager
def no_empty_batches(model: nn.Module) -> Iterator[None]:
    """Inside the block, an empty batch that somebody's attack sends to the model does not reach its code.

    Many models cannot compute it, such as those that flatten by `x.view(x.size(0), -1)`. The model computes one black
    image in its place, and its logits are cut off again: (0, K).
    """
    stands_in = False

    def fill(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        nonlocal stands_in
        x = inputs[0] if inputs else None
        stands_in = isinstance(x, Tensor) and x.ndim > 0 and not len(x)
        return (torch.cat([x, x.new_zeros(1, *x.shape[1:])]), *inputs[1:]) if stands_in and x is not None else None

    def cut(_: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> Tensor | None:
        return logits[:0] if stands_in else None

    handles = [model.register_forward_pre_hook(fill), model.register_forward_hook(cut)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


_attack_timeout: ContextVar[float | None] = ContextVar("attack timeout", default=None)


@contextmanager
def attack_timeout(seconds: float | None) -> Iterator[None]:
    """Inside the block, no call of an attack may take longer; None: as long as it wants.

    BadInput where that cannot be watched: it takes the alarm clock that Unix gives a main thread.
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
    """Inside the block one call of an attack is made. Failed where it takes longer than it may."""
    seconds = _attack_timeout.get()
    if seconds is None or not _has_alarm():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise _OutOfTime

    handler = signal.signal(signal.SIGALRM, stop)
    before = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    except _OutOfTime as error:
        raise Failed(f"it took longer than the {seconds:g} s of --attack-timeout for one call") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)


def _has_alarm() -> bool:
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
