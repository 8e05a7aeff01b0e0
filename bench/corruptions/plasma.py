"""Clouds by the diamond-square algorithm."""

import torch
from torch import Tensor


def plasma(u: Tensor, decay: float) -> Tensor:
    """Height maps (B, N, N) in [0, 1], periodic, for N a power of two.

    Each point is the mean of its four neighbours on the coarser grid plus a draw whose range shrinks with every level.
    u: (B, N, N) draws in [0, 1). decay: by this factor the range shrinks per level; as in the official code its square
    is used.
    """
    side = u.shape[-1]
    heights = torch.zeros_like(u)
    step, wobble = side, 100.0
    draws = u * 2 - 1
    while step >= 2:
        half = step // 2
        shake = draws * wobble**2
        corners = heights[:, ::step, ::step]
        beside = corners + corners.roll(-1, 1)
        middles = (beside + beside.roll(-1, 2)) / 4 + shake[:, half::step, half::step]
        heights[:, half::step, half::step] = middles
        tops = (middles + middles.roll(1, 1) + corners + corners.roll(-1, 2)) / 4
        heights[:, ::step, half::step] = tops + shake[:, ::step, half::step]
        lefts = (middles + middles.roll(1, 2) + corners + corners.roll(-1, 1)) / 4
        heights[:, half::step, ::step] = lefts + shake[:, half::step, ::step]
        step, wobble = half, wobble / decay
    heights -= heights.amin((1, 2), keepdim=True)
    return heights / heights.amax((1, 2), keepdim=True)
