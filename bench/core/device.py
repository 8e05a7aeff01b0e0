"""Where tensors live, and the settings of the process that make numbers repeatable and CPUs fast."""

import ctypes
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from bench.core.errors import BadInput


def parse_device(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:i. BadInput where there is no such device."""
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
    """Yields what says, in MiB, the most that tensors took on a GPU since, or that the process took on a CPU.

    None where the machine does not count that (on a CPU: anywhere but on Linux).
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield lambda: torch.cuda.max_memory_allocated(device) / 2**20
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    except OSError:
        yield lambda: None
        return
    yield lambda: int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) / 2**10


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Inside the block, torch computes with so many threads on the CPU; outside, nothing has changed."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def set_deterministic() -> None:
    """Full fp32, deterministic kernels, and an allocator that keeps the memory it has."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    if sys.platform == "linux":
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """glibc hands every large tensor back to the kernel and faults it in again: 1.2 to 3 times slower on small nets."""
    m_trim_threshold, m_mmap_max = -1, -4
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(m_mmap_max, 0)
        mallopt(m_trim_threshold, 2**31 - 1)
