"""Settings of the whole process that code which is not ours may change, and that results of other code depend on."""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

Setting = tuple[Callable[[], Any], Callable[[Any], object]]  # functions that read it, and set it


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # the working folder was deleted; it cannot be restored
        return ""


def _change_folder(path: str) -> None:
    if path:
        os.chdir(path)


def _set_default_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # unlike cpu, None adds no cost to later calls


SETTINGS: tuple[Setting, ...] = (
    (_folder, _change_folder),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, _set_default_device),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (lambda: torch.backends.cudnn.benchmark, lambda on: setattr(torch.backends.cudnn, "benchmark", on)),
    (lambda: torch.backends.cudnn.deterministic, lambda on: setattr(torch.backends.cudnn, "deterministic", on)),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (lambda: sys.stdout, lambda stream: setattr(sys, "stdout", stream)),
    (lambda: sys.stderr, lambda stream: setattr(sys, "stderr", stream)),
)


@contextmanager
def preserve_settings() -> Iterator[None]:
    """Restore SETTINGS and the warning filters after the block to their values before it."""
    before = [read() for read, _ in SETTINGS]
    filters, entries = warnings.filters, [*warnings.filters]
    try:
        yield
    finally:
        for value, (read, write) in zip(before, SETTINGS, strict=True):
            if read() != value:
                write(value)
        if warnings.filters is not filters or [*filters] != entries:
            warnings.filters = filters
            filters[:] = entries  # type: ignore[index]  # a list, whatever its type says
