"""How long a pass takes on this machine, measured once in a process for each kind of pass, model and image size.

On a CPU processor time is measured, so that what else the machine does just now changes nothing.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.core.device import use_threads
from bench.core.passes import BACKWARD
from bench.core.rng import seeded
from bench.data.dataset import Dataset
from bench.data.loader import to_float
from bench.models.bn_folding import fast_copy
from bench.models.build import build
from bench.models.freeze import frozen
from bench.runner.experiment import Experiment

SIZES = (2, 8, 32, 128)  # images in a batch; larger ones are tried while the smaller ones are quick
ENOUGH = 0.3  # seconds that a batch may take for a larger one to be tried, and that are measured for in all
FEWEST, MOST = 2, 5  # tries of one size; the first one also prepares kernels and memory


@dataclass(frozen=True)
class Pace:
    """Seconds that a forward pass of one image takes, of which a backward pass takes twice as many."""

    attack: float  # with the gradient of the image alone, batch norms folded
    learning: float  # with the gradient of the weights, in training mode


_paces: dict[tuple[object, ...], Pace] = {}


def measure_pace(work: Experiment, device: torch.device, threads: int) -> Pace:
    """The pace of a work's network in its precision; from memory where it was measured before with as many threads."""
    data, model, precision = work.dataset, work.jobs[0].model, work.precision
    known = (model, data.name, data.shape, data.num_classes, device, precision, threads)
    if known not in _paces:
        with use_threads(threads), seeded("pace"):
            x = to_float(work.test.x[: SIZES[-1]])
            _paces[known] = _measure(model, data, device, precision, x, threads if device.type == "cpu" else 1)
    return _paces[known]


def _measure(name: str, data: Dataset, device: torch.device, precision: str, x: Tensor, shared: int) -> Pace:
    """shared: by how many threads the seconds of the clock are."""
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
        copy = fast_copy(model, x[: SIZES[0]])
        attacking = _seconds(lambda images: attack(copy, images), x, device)
    model.train()
    return Pace(attacking / shared, _seconds(learn, x, device) / shared)


def _seconds(passes: Callable[[Tensor], None], x: Tensor, device: torch.device) -> float:
    """Of one forward pass of an image, from forward and backward passes of batches, the largest that are quick.

    On a CPU, of all threads together.
    """
    best, clock = math.inf, time.process_time if device.type == "cpu" else time.perf_counter
    for size in SIZES:
        images, best, start = x[:size], math.inf, clock()
        for tries in range(1, MOST + 1):
            before = clock()
            passes(images)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best = min(best, clock() - before)
            if tries >= FEWEST and clock() - start > ENOUGH:
                break
        if best > ENOUGH / 4 or size >= len(x):  # four times as many images would take too long
            break
    return best / (len(images) * (1 + BACKWARD))
