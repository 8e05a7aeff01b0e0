"""Blurs. Hendrycks & Dietterich, ICLR 2019, arXiv:1903.12261; parameters from the authors' code."""

from functools import reduce

import numpy as np
import torch
from torch import Tensor

from bench.core.rng import uniform
from bench.corruptions.corruption import CORRUPTIONS, Corruption, single
from bench.corruptions.filters import Floats, correlate, enlarge, gaussian_taps, smooth, streak


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur; sigma in pixels."""
    return smooth(x, sigma)


def defocus_blur(x: Tensor, radius: float, softness: float) -> Tensor:
    """Blur of a lens out of focus: convolution with a disk."""
    return correlate(x, disk(radius, softness))


def disk(radius: float, softness: float) -> Floats:
    """A disk of 17 x 17 points (more above radius 8), its edge softened by a Gaussian of 3 (5) taps."""
    from scipy.ndimage import correlate1d

    reach = max(8, int(radius))
    square = np.arange(-reach, reach + 1) ** 2
    kernel = (square[:, None] + square <= radius**2).astype(float)
    kernel /= kernel.sum()
    taps = gaussian_taps(softness, 1 if radius <= 8 else 2)
    for axis in (0, 1):
        kernel = correlate1d(kernel, taps, axis, mode="mirror")
    return kernel


def glass_blur(x: Tensor, sigma: float, reach: int, passes: int) -> Tensor:
    """Glass: between two Gaussian blurs, pixels are replaced by random neighbours, from the last to the first.

    The official code means to swap two pixels but copies one over the other, as its NumPy views see the first
    assignment before the second. The published sets were made so, and so is this.
    """
    pixels = (smooth(x, sigma).clamp(0, 1) * 255).byte()
    height, width = x.shape[2:]
    draws = (uniform(x.new_empty(len(x), passes, 2, height, width)) * (2 * reach)).floor().long() - reach
    sources = [
        displacement(down, right, reach).flatten(1) for right, down in (pair.unbind(1) for pair in draws.unbind(1))
    ]
    source = reduce(lambda before, then: before.gather(1, then), sources)  # where each pixel was before all passes
    moved = pixels.flatten(2).gather(2, source.unsqueeze(1).expand(-1, x.shape[1], -1)).view_as(x)
    return smooth(moved.to(x) / 255, sigma)


def displacement(down: Tensor, right: Tensor, reach: int) -> Tensor:
    """Flat index (B, H, W) of the pixel whose value each pixel gets when inner pixels are overwritten one by one.

    The last row and column come first; each pixel is overwritten by the one at offset (down, right), both (B, H, W) in
    -reach..reach-1.
    """
    batch, height, width = down.shape
    rows = torch.arange(height, device=down.device).view(-1, 1).expand(height, width)
    columns = torch.arange(width, device=down.device).expand(height, width)
    here = (rows * width + columns).expand(batch, -1, -1)
    inner = (rows > reach) & (rows <= height - reach) & (columns > reach) & (columns <= width - reach)
    there = torch.where(inner, (rows + down) * width + columns + right, here)
    # a source may itself have been overwritten before; follow such links to their ends, doubling the length each time
    overwritten = (inner.expand(batch, -1, -1).flatten(1).gather(1, there.flatten(1))).view_as(there) & (there > here)
    link = torch.where(overwritten, there, here).flatten(1)
    while not torch.equal(further := link.gather(1, link), link):
        link = further
    return there.flatten(1).gather(1, link).view_as(there)


def motion_blur(x: Tensor, radius: int, sigma: float) -> Tensor:
    """Motion blur in a random direction within 45 degrees of the horizontal, rounded to 8 bits as by ImageMagick."""
    angle = uniform(x.new_empty(len(x), 1))[:, 0] * 90 - 45
    return (streak(x, angle, radius, sigma) * 255).round() / 255


def zoom_blur(x: Tensor, factors: tuple[float, ...]) -> Tensor:
    """Mean of the image and of enlargements of its middle; the first factor is 1, so the image counts twice."""
    total = x.clone()
    for factor in factors:
        total += enlarge(x, factor)
    return total / (len(factors) + 1)


def zooms(*ends: tuple[float, float]) -> tuple[tuple[tuple[float, ...]], ...]:
    """Factors from 1 up to an end (exclusive) by a step, for each severity."""
    return tuple((tuple(np.arange(1, end, step).tolist()),) for end, step in ends)


CORRUPTIONS.add(
    "defocus_blur",
    Corruption(
        defocus_blur,
        {
            32: ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
            64: ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
            224: ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        },
        dtype=torch.float64,
    ),
)
CORRUPTIONS.add(
    "glass_blur",
    Corruption(
        glass_blur,
        {
            32: ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
            64: ((0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)),
            224: ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        },
        dtype=torch.float64,
    ),
)
CORRUPTIONS.add(
    "motion_blur",
    Corruption(
        motion_blur,
        {
            32: ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
            64: ((10, 1), (10, 1.5), (10, 2), (10, 2.5), (12, 3)),
            224: ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
        },
    ),
)
SMALL_ZOOMS = zooms((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01))
CORRUPTIONS.add(
    "zoom_blur",
    Corruption(
        zoom_blur,
        {
            32: SMALL_ZOOMS,
            64: SMALL_ZOOMS,
            224: zooms((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
        },
    ),
)
CORRUPTIONS.add(
    "gaussian_blur",
    Corruption(
        gaussian_blur,
        {32: single(0.4, 0.6, 0.7, 0.8, 1), 64: single(0.5, 0.75, 1, 1.25, 1.5), 224: single(1, 2, 3, 4, 6)},
        dtype=torch.float64,
    ),
)
