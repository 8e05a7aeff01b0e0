"""Number format of trainings and of the attacks' search: fp32, or bf16 where the device supports it."""

import sys
import time
from functools import cache

import torch
from torch import nn

from bench.core.errors import BadInput

PRECISIONS = ("auto", "fp32", "bf16")
BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16", "sve_bf16")  # of x86 and of ARM processors
MAX_BF16_SLOWDOWN = 1.2  # time relative to fp32 above which a warning is given; leaves room for noise of the timing
MAX_BF16_TIME_OF_AUTO = 0.9  # time relative to fp32 below which `auto` takes bf16 on a CPU


def choose_precision(requested: str, device: torch.device) -> str:
    """The precision to use, fp32 or bf16; `auto` is bf16 if the device has instructions for it that are fast.

    A GPU's are. A CPU's are measured, as some processors have instructions for bf16 that take longer than those for
    fp32. If bf16 is asked for where it is slower, a warning on stderr says so, once a process.

    Raises:
        BadInput: there is no such precision, or the device has no bf16.
    """
    if requested not in PRECISIONS:
        raise BadInput(f"precision {requested!r} is none of {', '.join(PRECISIONS)}")
    if requested == "auto":
        return "bf16" if is_bf16_fast(device) else "fp32"
    if requested == "bf16" and device.type == "cuda" and not _has_bf16(device, including_emulation=True):
        name = torch.cuda.get_device_name(device)
        raise BadInput(f"--precision bf16: {name} has no bf16; give --precision fp32, or auto")
    if requested == "bf16" and not is_bf16_fast(device):
        _warn_of_slow_bf16(device)
    return requested


def is_bf16_fast(device: torch.device) -> bool:
    """Whether the device has instructions for bf16 and, on a CPU, a convolution takes less time with them."""
    native = is_bf16_native(device)
    return native and (device.type == "cuda" or slowdown(device) < MAX_BF16_TIME_OF_AUTO)


@cache
def is_bf16_native(device: torch.device) -> bool:
    """Whether the CPU or GPU has instructions for bf16 that torch uses."""
    if device.type == "cuda":
        return _has_bf16(device, including_emulation=False)
    mkldnn = torch.ops.mkldnn  # without which convolutions in bf16 are emulated whatever the processor has
    if not (hasattr(mkldnn, "_is_mkldnn_bf16_supported") and mkldnn._is_mkldnn_bf16_supported()):
        return False
    if not hasattr(torch.cpu, "get_capabilities"):  # as in torch 2.6; mkldnn alone takes any AVX-512 for enough
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in BF16_INSTRUCTIONS)


def _has_bf16(device: torch.device, *, including_emulation: bool) -> bool:
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=including_emulation))


@cache
def _warn_of_slow_bf16(device: torch.device) -> None:
    if (times := slowdown(device)) > MAX_BF16_SLOWDOWN:
        how = "computes in bf16" if is_bf16_native(device) else "does not compute in bf16 and emulates it"
        print(
            f"--precision bf16: {device} {how}, {times:.1f} times as slowly as in fp32 (measured on a convolution); "
            "--precision auto or fp32 is faster here",
            file=sys.stderr,
        )


@cache  # so that a choice and the warning about it are of one timing
def slowdown(device: torch.device) -> float:
    """Time in bf16 over time in fp32 for a 3x3 convolution of 32 images and its gradient."""
    conv = nn.Conv2d(64, 64, 3, padding=1).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = torch.zeros(32, 64, 16, 16, device=device).to(memory_format=torch.channels_last).requires_grad_()
    best = {}
    for reduced in (False, True):
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            with torch.autocast(device.type, torch.bfloat16, enabled=reduced):
                out = conv(x)
            torch.autograd.grad(out.float().sum(), x)[0].sum().item()  # item() waits for the GPU
            taken.append(time.perf_counter() - start)
        best[reduced] = min(taken)
    return best[True] / best[False]
