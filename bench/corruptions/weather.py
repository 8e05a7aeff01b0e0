"""Weather. Hendrycks & Dietterich, ICLR 2019, arXiv:1903.12261; parameters from the authors' code."""

import torch
from torch import Tensor

from bench.core.rng import normal, uniform
from bench.corruptions.corruption import CORRUPTIONS, Corruption
from bench.corruptions.filters import drop_fractions, enlarge, streak
from bench.corruptions.frost_images import FrostImages
from bench.corruptions.plasma import plasma


def grey(x: Tensor) -> Tensor:
    """Luma (B, 1, H, W) of grey or RGB images."""
    if x.shape[1] == 1:
        return x
    return x[:, :1] * 0.299 + x[:, 1:2] * 0.587 + x[:, 2:] * 0.114


def snow(
    x: Tensor, mean: float, std: float, zoom: float, threshold: float, radius: int, sigma: float, mix: float
) -> Tensor:
    """Snow: motion-blurred flakes, and the same rotated by 180 degrees, over a whitened image."""
    flakes = mean + std * normal(x[:, :1])
    flakes = enlarge(flakes, zoom)
    flakes = drop_fractions(torch.where(flakes < threshold, 0, flakes))
    angle = uniform(x.new_empty(len(x), 1))[:, 0] * 90 - 135
    flakes = (streak(flakes, angle, radius, sigma) * 255).round() / 255
    x = mix * x + (1 - mix) * torch.maximum(x, grey(x) * 1.5 + 0.5)
    return x + flakes + flakes.flip(2, 3)


def frost(x: Tensor, image: float, frost: float, scale: float, *, ice: FrostImages) -> Tensor:
    """Frost: a random piece of an image of frost is added to the darkened image.

    image, frost: weights of the two. scale: factor by which the image of frost is resized first. Values are summed as
    integer levels, as rounding down follows.
    """
    size = (x.shape[2], x.shape[3])
    pictures = ice.resize(scale, size)
    pieces = []
    for which, down, right in uniform(x.new_empty(len(x), 3)).tolist():
        picture = pictures[int(which * len(pictures))]
        row, column = (int(u * (picture.shape[1 + i] - size[i])) for i, u in enumerate((down, right)))
        pieces.append(picture[:, row : row + size[0], column : column + size[1]])
    layer = torch.stack(pieces).to(x)
    layer = layer if x.shape[1] == 3 else grey(layer)
    return (image * (x * 255).round() + frost * layer) / 255


def fog(x: Tensor, strength: float, decay: float) -> Tensor:
    """Fog: a cloud is added, and the sum scaled so that the maximum of the image stays the same."""
    height, width = x.shape[2:]
    side = 1 << (max(height, width) - 1).bit_length()
    cloud = plasma(uniform(x.new_empty(len(x), side, side)), decay)[:, None, :height, :width]
    brightest = x.amax((1, 2, 3), keepdim=True)
    return (x + strength * cloud) * brightest / (brightest + strength)


CORRUPTIONS.add(
    "snow",
    Corruption(
        snow,
        {
            32: (
                (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
                (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
                (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
                (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
                (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
            ),
            64: (
                (0.1, 0.2, 1, 0.6, 8, 3, 0.8),
                (0.1, 0.2, 1, 0.5, 10, 4, 0.8),
                (0.15, 0.3, 1.75, 0.55, 10, 4, 0.7),
                (0.25, 0.3, 2.25, 0.6, 12, 6, 0.65),
                (0.3, 0.3, 1.25, 0.65, 14, 12, 0.6),
            ),
            224: (
                (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
                (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
                (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
                (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
                (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
            ),
        },
    ),
)
CORRUPTIONS.add(
    "frost",
    Corruption(
        frost,
        {
            32: ((1, 0.2, 0.2), (1, 0.3, 0.2), (0.9, 0.4, 0.2), (0.85, 0.4, 0.2), (0.75, 0.45, 0.2)),
            64: ((1, 0.3, 0.3), (0.9, 0.4, 0.3), (0.8, 0.45, 0.3), (0.75, 0.5, 0.3), (0.7, 0.55, 0.3)),
            224: ((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
        },
        ice=True,
        dtype=torch.float64,
    ),
)
CORRUPTIONS.add(
    "fog",
    Corruption(
        fog,
        {
            32: ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
            64: ((0.4, 3), (0.7, 3), (1, 2.5), (1.5, 2), (2, 1.75)),
            224: ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
        },
    ),
)
