"""Where tensors live, and the settings of the process that make numbers repeatable and CPUs fast."""

import ctypes
import sys

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from bench.errors import BadInput


def pick(name: str) -> torch.device:
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


def peak_memory(device: torch.device) -> float | None:
    """MiB: the most that tensors took on a GPU, or that this process took on a CPU; None where nobody counts."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def prepare() -> None:
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
