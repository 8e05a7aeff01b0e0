"""Noise, drawn for each pixel. Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations", ICLR 2019, arXiv:1903.12261; parameters from the authors' make_{cifar,tinyimagenet,imagenet}_c.py.
"""

import torch
from torch import Tensor

from bench.core.rng import normal, poisson, uniform
from bench.corruptions.corruption import CORRUPTIONS, Corruption, single


def gaussian_noise(x: Tensor, std: float) -> Tensor:
    """Add Gaussian noise to each pixel, of the same strength everywhere."""
    return x + std * normal(x)


def shot_noise(x: Tensor, photons: float) -> Tensor:
    """Poisson noise of a sensor, for which a white pixel sends a mean number of `photons`."""
    return poisson(x * photons) / photons


def impulse_noise(x: Tensor, amount: float) -> Tensor:
    """Set a share of the values to 0 or 1 (salt and pepper), in each channel independently."""
    u = uniform(x)
    return torch.where(u < amount, (u < amount / 2).to(x), x)


def speckle_noise(x: Tensor, std: float) -> Tensor:
    """Add Gaussian noise proportional to each value."""
    return x + x * (std * normal(x))


CORRUPTIONS.add(
    "gaussian_noise",
    Corruption(
        gaussian_noise,
        {
            32: single(0.04, 0.06, 0.08, 0.09, 0.10),
            64: single(0.04, 0.08, 0.12, 0.15, 0.18),
            224: single(0.08, 0.12, 0.18, 0.26, 0.38),
        },
    ),
)
CORRUPTIONS.add(
    "shot_noise",
    Corruption(
        shot_noise,
        {32: single(500, 250, 100, 75, 50), 64: single(250, 100, 50, 30, 15), 224: single(60, 25, 12, 5, 3)},
    ),
)
CORRUPTIONS.add(
    "impulse_noise",
    Corruption(
        impulse_noise,
        {
            32: single(0.01, 0.02, 0.03, 0.05, 0.07),
            64: single(0.01, 0.02, 0.05, 0.08, 0.14),
            224: single(0.03, 0.06, 0.09, 0.17, 0.27),
        },
    ),
)
CORRUPTIONS.add(
    "speckle_noise",
    Corruption(
        speckle_noise,
        {
            32: single(0.06, 0.1, 0.12, 0.16, 0.2),
            64: single(0.15, 0.2, 0.25, 0.3, 0.35),
            224: single(0.15, 0.2, 0.35, 0.45, 0.6),
        },
    ),
)
