"""Settings of the whole process that code which is not ours may change, and that results of other code depend on."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Setting = tuple[Callable[[], Any], Callable[[Any], object]]  # functions that read it, and set it


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # the working folder was deleted; it cannot be restored
        return ""


def _change_folder(path: str) -> None:
    if path:
        os.chdir(path)


SETTINGS: tuple[Setting, ...] = (
    (_folder, _change_folder),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (lambda: sys.stdout, lambda stream: setattr(sys, "stdout", stream)),
    (lambda: sys.stderr, lambda stream: setattr(sys, "stderr", stream)),
)


def all_settings(of_torch: bool = True) -> tuple[Setting, ...]:
    """SETTINGS and those of torch. of_torch: False leaves torch's out if nothing has imported torch."""
    if not of_torch and "torch" not in sys.modules:
        return SETTINGS
    from bench.core.foreign.torch_settings import TORCH_SETTINGS

    return (*SETTINGS, *TORCH_SETTINGS)


@contextmanager
def preserve_settings(of_torch: bool = True) -> Iterator[None]:
    """Restore all settings and the warning filters after the block to their values before it.

    of_torch: as for `all_settings`.
    """
    settings = all_settings(of_torch)
    before = [read() for read, _ in settings]
    filters, entries = warnings.filters, [*warnings.filters]
    try:
        yield
    finally:
        for value, (read, write) in zip(before, settings, strict=True):
            if read() != value:
                write(value)
        if warnings.filters is not filters or [*filters] != entries:
            warnings.filters = filters
            filters[:] = entries  # type: ignore[index]  # a list, whatever its type says
