"""Devices, their peak memory, and process settings for repeatable numbers and fast CPUs."""

import ctypes
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from bench.core.errors import BadInput


def parse_device(name: str) -> torch.device:
    """Read auto, cpu, cuda or cuda:i; BadInput if there is no such device."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and not index.isdigit()) or (kind == "cpu" and index):
        raise BadInput(f"device {name!r} is none of auto, cpu, cuda, cuda:i")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise BadInput(f"device {name!r} is not there: torch sees {torch.cuda.device_count()} CUDA devices; try cpu")
    return torch.device(name)


def describe(device: torch.device) -> str:
    """cpu, or the name of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], float | None]]:
    """Yield a function that returns the peak memory in MiB inside the block: of tensors on a GPU, else of the process.

    It returns None where the system does not report it (on a CPU: anywhere but on Linux).
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield lambda: torch.cuda.max_memory_allocated(device) / 2**20
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak, VmHWM
    except OSError:
        yield lambda: None
        return
    yield lambda: int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) / 2**10


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Set the number of CPU threads of torch inside the block, and restore it afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def set_deterministic() -> None:
    """Switch off TF32, choose deterministic kernels, and let the CPU allocator keep freed memory."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    if sys.platform == "linux":
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Stop glibc from returning each large tensor to the kernel, which makes small nets 1.2 to 3 times slower."""
    m_trim_threshold, m_mmap_max = -1, -4
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(m_mmap_max, 0)
        mallopt(m_trim_threshold, 2**31 - 1)
