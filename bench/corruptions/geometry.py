"""The four corruptions of M-TLAT (Laugros, Caplier, Ospici, "Addressing Neural Network Robustness with Mixup and
Targeted Labeling Adversarial Training", ECCV workshops 2020, arXiv:2008.08384).

The paper draws each amount from one range. Here severity s draws from the s-th fifth of it, so that the five
severities together are the paper's range. Lengths are printed for 224 pixels and are shares of the image side here.
Signs, directions and positions, which the paper does not specify, are drawn uniformly.
"""

from itertools import pairwise

import torch
from torch import Tensor

from bench.core.rng import uniform
from bench.corruptions.corruption import CORRUPTIONS, Corruption, same
from bench.corruptions.filters import bilinear

PRINTED_SIDE = 224  # pixels of the image side for which lengths are printed


def rotation(x: Tensor, low: float, high: float) -> Tensor:
    """Rotate about the centre by low to high degrees in either direction; outside is black."""
    u = uniform(x.new_empty(len(x), 2)).double()
    turn = torch.deg2rad(between(u[:, 0], low, high) * sign(u[:, 1])).view(-1, 1, 1)
    rows, columns = centred_coordinates(x)
    row = rows * turn.cos() - columns * turn.sin() + (x.shape[2] - 1) / 2
    column = rows * turn.sin() + columns * turn.cos() + (x.shape[3] - 1) / 2
    return bilinear(x, row, column, "black")


def translation(x: Tensor, low: float, high: float) -> Tensor:
    """Translate by one share of the side along both axes, with random signs; outside is black."""
    u = uniform(x.new_empty(len(x), 3)).double()
    far = (between(u[:, 0], low, high) * max(x.shape[2:])).round()
    rows, columns = centred_coordinates(x)
    row = rows + (far * sign(u[:, 1])).view(-1, 1, 1) + (x.shape[2] - 1) / 2
    column = columns + (far * sign(u[:, 2])).view(-1, 1, 1) + (x.shape[3] - 1) / 2
    return bilinear(x, row, column, "black")


def occlusion(x: Tensor, low: float, high: float) -> Tensor:
    """Cover a square at a random place with grey; its side is a share of the image's."""
    height, width = x.shape[2:]
    u = uniform(x.new_empty(len(x), 3)).double()
    side = (between(u[:, 0], low, high) * min(height, width)).round()
    top, left = (u[:, 1] * (height - side + 1)).floor(), (u[:, 2] * (width - side + 1)).floor()
    rows, columns = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    tall = (rows >= top[:, None]) & (rows < (top + side)[:, None])
    wide = (columns >= left[:, None]) & (columns < (left + side)[:, None])
    return torch.where((tall[:, :, None] & wide[:, None, :]).unsqueeze(1), 0.5, x)


def color_shift(x: Tensor, low: float, high: float) -> Tensor:
    """Shift the colour: an amount is added to one of the three channels."""
    u = uniform(x.new_empty(len(x), 2)).double()
    chosen = torch.arange(3, device=x.device) == (u[:, 1:] * 3).floor()
    return x + (between(u[:, :1], low, high) * chosen)[:, :, None, None]


def between(u: Tensor, low: float, high: float) -> Tensor:
    """Map u from [0, 1) to [low, high)."""
    return low + (high - low) * u


def sign(u: Tensor) -> Tensor:
    """-1 where u < 0.5, else 1."""
    return torch.where(u < 0.5, -1.0, 1.0).to(u)


def centred_coordinates(x: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column (H, W) of each pixel relative to the centre."""
    height, width = x.shape[2:]
    rows = torch.arange(height, device=x.device, dtype=torch.float64).view(-1, 1).expand(height, width)
    columns = torch.arange(width, device=x.device, dtype=torch.float64).expand(height, width)
    return rows - (height - 1) / 2, columns - (width - 1) / 2


def fifths(low: float, high: float) -> tuple[tuple[float, float], ...]:
    """Divide a range into five equal parts, with ends rounded to six decimals."""
    ends = [round(low + (high - low) * i / 5, 6) for i in range(6)]
    return tuple(pairwise(ends))


CORRUPTIONS.add("rotation", Corruption(rotation, same(fifths(8, 40))))
CORRUPTIONS.add("translation", Corruption(translation, same(fifths(15 / PRINTED_SIDE, 62 / PRINTED_SIDE))))
CORRUPTIONS.add("occlusion", Corruption(occlusion, same(fifths(60 / PRINTED_SIDE, 127 / PRINTED_SIDE))))
CORRUPTIONS.add("color_shift", Corruption(color_shift, same(fifths(0.08, 0.30)), colour=True))
