"""Measure how long a forward pass takes on this machine, once in a process for each network, data set and precision.

On a CPU, processor time is measured, so that other processes on the machine do not change it. Threads that wait for
each other may use it up while those processes have the cores, so several threads count as no slower than one.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.core.device import use_threads
from bench.core.passes import BACKWARD
from bench.core.rng import fixed_seed
from bench.data.dataset import Dataset
from bench.data.loader import to_float
from bench.models.batch_norm.folding import fast_copy
from bench.models.build import build
from bench.models.freeze import frozen
from bench.runner.experiment import Experiment

BATCH_SIZES = (2, 8, 32, 128)  # images; the next size is tried only if it will take less than TIMING_SECONDS
TIMING_SECONDS = 0.3  # a batch size is timed about this long
MIN_TRIES, MAX_TRIES = 2, 5  # of one batch size; the first also prepares kernels and memory, so it is slow


@dataclass(frozen=True)
class Pace:
    """Seconds of a forward pass of one image; a backward pass is assumed to take twice as long."""

    attack: float  # gradients of the image alone, evaluation mode, batch norms folded into convolutions
    learning: float  # gradients of the weights, in training mode


_paces: dict[tuple[object, ...], Pace] = {}


def measure_pace(experiment: Experiment, device: torch.device, threads: int) -> Pace:
    """The pace of an experiment's network in its precision, with so many threads. It is measured at the first call."""
    data, model, precision = experiment.dataset, experiment.jobs[0].model, experiment.precision
    known = (model, data.name, data.shape, data.num_classes, device, precision, threads)
    if known not in _paces:
        with use_threads(threads), fixed_seed("pace"):
            x = to_float(experiment.test.x[: BATCH_SIZES[-1]])
            pace = _measure(model, data, device, precision, x, threads if device.type == "cpu" else 1)
        if threads > 1 and device.type == "cpu":
            alone = measure_pace(experiment, device, 1)
            pace = Pace(min(pace.attack, alone.attack), min(pace.learning, alone.learning))
        _paces[known] = pace
    return _paces[known]


def _measure(name: str, data: Dataset, device: torch.device, precision: str, x: Tensor, shared: int) -> Pace:
    """Time attacks and training steps on images x, (N, C, H, W).

    Args:
        shared: number of threads. Processor time adds up that of all threads, so it is divided by their number.
    """
    model = build(name, data).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    reduced = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

    def attack(copy: torch.nn.Module, images: Tensor) -> None:
        z = images.clone().requires_grad_()
        with reduced:
            out = copy(z)
        torch.autograd.grad(out.float().sum(), z)

    def learn(images: Tensor) -> None:
        with reduced:
            out = model(images)
        model.zero_grad()
        out.float().sum().backward()

    with frozen(model):
        copy = fast_copy(model, x[: BATCH_SIZES[0]])
        attacking = _seconds(lambda images: attack(copy, images), x, device)
    model.train()
    return Pace(attacking / shared, _seconds(learn, x, device) / shared)


def _seconds(passes: Callable[[Tensor], None], x: Tensor, device: torch.device) -> float:
    """Seconds of one forward pass of an image, from forward and backward passes of the largest batch that is quick.

    On a CPU these are seconds of processor time of all threads together.
    """
    best, clock = math.inf, time.process_time if device.type == "cpu" else time.perf_counter
    for size in BATCH_SIZES:
        images, best, start = x[:size], math.inf, clock()
        for tries in range(1, MAX_TRIES + 1):
            before = clock()
            passes(images)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best = min(best, clock() - before)
            if tries >= MIN_TRIES and clock() - start > TIMING_SECONDS:
                break
        if best > TIMING_SECONDS / 4 or size >= len(x):  # four times as many images would take too long
            break
    return best / (len(images) * (1 + BACKWARD))
