"""Times several functions in turns, so that other load of the machine affects all of them alike."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.core.files import Bits
from bench.core.stats import Array

MATRIX_SIZE, MATRIX_TRIES = {"cpu": 1024, "cuda": 8192}, 5  # size of the matrices that `peak` multiplies, and how often


@dataclass(frozen=True)
class RaceResult:
    """The result of a contestant: outcomes (n,), distances of broken images (n,), and passes summed over images."""

    right: Bits | None = None
    distances: Array | None = None  # 0: misclassified when clean; inf: never broken
    forwards: int = 0
    backwards: int = 0


Contestant = Callable[[], RaceResult]


def frozen_name(peer: str) -> str:
    """The name of a peer that gets a model whose weights require no gradients."""
    return f"{peer}, frozen"


@dataclass(frozen=True)
class Contest:
    """Functions to time (None: its package is not installed), and the pairs to compare.

    A runner named by `frozen_name` of a peer is compared with ours as well.
    """

    runners: Mapping[str, Contestant | None]
    pairs: tuple[tuple[str, str], ...]  # ours, theirs
    precision: torch.dtype = torch.float32  # of the peak rate that the first of each pair is compared with


@dataclass
class Timing:
    """The seconds of each repeat of one contestant, and its last result."""

    found: RaceResult = field(default_factory=RaceResult)
    seconds: list[float] = field(default_factory=list)


def race(runners: Mapping[str, Contestant | None], repeats: int, device: torch.device) -> dict[str, Timing]:
    """Time each runner in turn, `repeats` times; each repeat begins with another one."""
    there = {name: run for name, run in runners.items() if run is not None}
    runs, order = {name: Timing() for name in there}, list(there)
    for repeat in range(repeats):
        for name in order[repeat % len(order) :] + order[: repeat % len(order)]:
            synchronise(device)
            start = time.perf_counter()
            runs[name].found = there[name]()
            synchronise(device)
            runs[name].seconds.append(time.perf_counter() - start)
    return runs


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has finished, as calls return before that."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak(device: torch.device, precision: torch.dtype) -> float:
    """FLOP/s of a large matrix product, an upper bound for models."""
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
    """FLOPs of one forward pass per image of x (B, C, H, W); a backward pass to the images takes as many."""
    with FlopCounterMode(display=False) as counter:
        model(x)
    return float(counter.get_total_flops()) / len(x)
