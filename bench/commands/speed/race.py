"""Contestants that do the same work in turns, so that what else the machine does is for all of them to bear."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.core.files import Bits
from bench.core.stats import Array

MATRIX_SIZE, MATRIX_TRIES = {"cpu": 1024, "cuda": 8192}, 5  # of the square matrices that the peak is measured on


@dataclass(frozen=True)
class RaceResult:
    """What a contestant comes to: which images are right, how far off others were broken, passes of all images."""

    right: Bits | None = None
    distances: Array | None = None  # 0 if it was wrong already, inf if it never was
    forwards: int = 0
    backwards: int = 0


Contestant = Callable[[], RaceResult]


def frozen_name(peer: str) -> str:
    """The name in a race of a peer whose model has weights without gradients."""
    return f"{peer}, frozen"


@dataclass(frozen=True)
class Contest:
    """Who runs, None standing for a package that is not installed, and who is compared with whom.

    A runner with the `frozen_name` of a peer is compared with ours as well.
    """

    runners: Mapping[str, Contestant | None]
    pairs: tuple[tuple[str, str], ...]  # ours, theirs
    precision: torch.dtype = torch.float32  # of the peak that the first of each pair is measured by


@dataclass
class Run:
    """What one contestant took, a time for each repeat, and what it found the last time."""

    found: RaceResult = field(default_factory=RaceResult)
    seconds: list[float] = field(default_factory=list)


def race(runners: Mapping[str, Contestant | None], repeats: int, device: torch.device) -> dict[str, Run]:
    """Each in turn, so many times over; another one begins each time."""
    there = {name: run for name, run in runners.items() if run is not None}
    runs, order = {name: Run() for name in there}, list(there)
    for repeat in range(repeats):
        for name in order[repeat % len(order) :] + order[: repeat % len(order)]:
            synchronise(device)
            start = time.perf_counter()
            runs[name].found = there[name]()
            synchronise(device)
            runs[name].seconds.append(time.perf_counter() - start)
    return runs


def synchronise(device: torch.device) -> None:
    """Wait for a GPU, which works on after a call has returned."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak(device: torch.device, precision: torch.dtype) -> float:
    """FLOP/s of a large matrix product, the most that a model could be computed at."""
    size, best = MATRIX_SIZE[device.type], math.inf
    a = torch.rand(size, size, device=device).to(precision)
    for _ in range(MATRIX_TRIES):
        synchronise(device)
        start = time.perf_counter()
        a @ a
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


@torch.no_grad()
def flops(model: nn.Module, x: Tensor) -> float:
    """Of one forward pass, per image of x (B, C, H, W); one backward pass to the images takes as many."""
    with FlopCounterMode(display=False) as counter:
        model(x)
    return float(counter.get_total_flops()) / len(x)
