"""Elastic deformation. Hendrycks & Dietterich, ICLR 2019, arXiv:1903.12261; the authors' parameters."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from bench.core.rng import uniform
from bench.corruptions.corruption import CORRUPTIONS, Corruption
from bench.corruptions.filters import bilinear


def elastic_transform(x: Tensor, alpha: float, sigma: float, jitter: float) -> Tensor:
    """Random affine map that moves three points by up to `jitter` pixels, then displacement by a smooth random field.

    alpha: factor of the field of draws in [-1, 1) after smoothing, in pixels. sigma: of the smoothing, in pixels.
    """
    batch, _, height, width = x.shape
    centre = torch.tensor([height // 2, width // 2], dtype=torch.float64)
    reach = min(height, width) // 3
    corners = centre + reach * torch.tensor([[1, 1], [1, -1], [-1, -1]])
    corners = corners.to(x.device)
    moved = corners + (uniform(x.new_empty(batch, 3, 2)) * 2 - 1) * jitter
    back = torch.linalg.solve(torch.cat([moved, torch.ones_like(moved[:, :, :1])], 2), corners.expand(batch, -1, -1))
    rows = torch.arange(height, device=x.device).view(-1, 1).expand(height, width)
    columns = torch.arange(width, device=x.device).expand(height, width)
    across, along, offset = back.view(batch, 3, 2, 1, 1).unbind(1)
    source = columns * across + rows * along + offset  # column and row, as OpenCV orders them
    x = bilinear(x, source[:, 1], source[:, 0], "mirror")
    if alpha == 0:
        return x
    field = smooth_field(uniform(x.new_empty(batch, 2, height, width)) * 2 - 1, sigma) * alpha
    return bilinear(x, rows + field[:, 1], columns + field[:, 0], "reflect")


def smooth_field(field: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of a field (B, 2, H, W), reflected at the border and cut off at 3 sigma, for sigma of any size."""
    down, right = (gaussian_matrix(size, sigma).to(field) for size in field.shape[2:])
    return torch.stack(
        [down @ one @ right.T for one in field]
    )  # image by image, as a batched product may sum in another order


@lru_cache(16)
def gaussian_matrix(size: int, sigma: float) -> Tensor:
    """The matrix (size, size) of the one-dimensional filter."""
    from scipy.ndimage import gaussian_filter1d

    return torch.from_numpy(gaussian_filter1d(np.eye(size), sigma, axis=0, mode="reflect", truncate=3))


CORRUPTIONS.add(
    "elastic_transform",
    Corruption(
        elastic_transform,
        {
            32: ((0, 0, 2.56), (1.6, 6.4, 2.24), (2.56, 1.92, 1.92), (3.2, 1.28, 1.6), (3.2, 0.96, 0.96)),
            64: ((0, 0, 5.12), (3.2, 19.2, 3.84), (6.4, 5.12, 3.84), (6.4, 1.92, 1.92), (10.24, 1.92, 1.28)),
            224: (
                (488, 170.8, 24.4),
                (488, 19.52, 48.8),
                (12.2, 2.44, 4.88),
                (17.08, 2.44, 4.88),
                (29.28, 2.44, 4.88),
            ),
        },
        smallest=16,
        why="its jitter could fold a smaller one",
    ),
)
