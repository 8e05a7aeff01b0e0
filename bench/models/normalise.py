"""Normalisers: the first layer of every model, so that attacks work on pixels in [0, 1]; (B, C, H, W) to the same."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.core.registration.checks import function_check
from bench.core.registry import Registry
from bench.data.dataset import Dataset


class Normalise(nn.Module):
    """(x - mean) / std, per channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class PerImageStd(nn.Module):
    """TensorFlow's per_image_standardization: each image gets mean 0 and std 1.

    The std is at least 1 / sqrt(values) in 0..255 units; values: pixels times channels. Gradients flow
    through mean and std.
    """

    def __init__(self, values: int) -> None:
        super().__init__()
        self.floor = 1 / (255 * math.sqrt(values))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean((1, 2, 3), keepdim=True)
        variance = centred.square().mean((1, 2, 3), keepdim=True)
        return centred / variance.clamp_min(self.floor**2).sqrt()  # clamp first: sqrt has an infinite gradient at 0


NORMALISERS: Registry[Callable[[Dataset], nn.Module]] = Registry("normaliser", function_check("dataset"), reserved=())
NORMALISERS.add("meanstd", lambda data: Normalise(data.mean, data.std))
NORMALISERS.add("none", lambda data: nn.Identity())
NORMALISERS.add("pm1", lambda data: Normalise((0.5,), (0.5,)))
NORMALISERS.add("per_image_std", lambda data: PerImageStd(math.prod(data.shape)))
