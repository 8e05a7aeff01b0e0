"""Filters whose result for an image does not depend on its batch, to the bit.

They sum over filter taps in a fixed order or use Fourier transforms image by image; convolutions of torch are not used,
as they may choose their algorithm by batch size.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Floats = NDArray[np.float64]
MANY_TAPS = 60  # number of taps from which a Fourier transform is faster


def drop_fractions(x: Tensor) -> Tensor:
    """Clamp to [0, 1] and round down to multiples of 1/255, as the official code does."""
    return (x.clamp(0, 1) * 255).floor() / 255


def gaussian_taps(sigma: float, radius: int) -> Floats:
    """Taps of a normalised Gaussian, from -radius to radius."""
    taps: Floats = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    return taps


def smooth(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (B, C, H, W) as by scikit-image's `gaussian`: edge pixels repeated, cut off at 4 sigma."""
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return x
    taps = gaussian_taps(sigma, radius).tolist()
    height, width = x.shape[2:]
    rows = F.pad(x, (0, 0, radius, radius), mode="replicate")
    x = weighted_sum([rows.narrow(2, i, height) for i in range(len(taps))], taps)
    columns = F.pad(x, (radius, radius, 0, 0), mode="replicate")
    return weighted_sum([columns.narrow(3, i, width) for i in range(len(taps))], taps)


def weighted_sum(parts: list[Tensor], weights: list[float]) -> Tensor:
    """Weighted sum of tensors, added in order from the first to the last."""
    total = parts[0] * weights[0]
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        total.add_(part, alpha=weight)
    return total


def correlate(x: Tensor, kernel: Floats) -> Tensor:
    """Correlate each channel of (B, C, H, W) with a square kernel of odd side, mirrored at the edge pixels."""
    from scipy.fft import next_fast_len

    while not kernel[[0, -1]].any() and not kernel[:, [0, -1]].any():
        kernel = kernel[1:-1, 1:-1]
    radius = len(kernel) // 2
    padded = F.pad(x, (radius,) * 4, mode="reflect")
    height, width = x.shape[2:]
    taps = list(zip(*kernel.nonzero(), strict=True))
    if len(taps) < MANY_TAPS:
        windows = [padded[:, :, r : r + height, c : c + width] for r, c in taps]
        return weighted_sum(windows, [float(kernel[tap]) for tap in taps])
    # the error of single precision is a thousandth of a level; a side such as 238 = 2 x 7 x 17 is slower than 240
    size = [next_fast_len(side, real=True) for side in padded.shape[2:]]
    response = torch.fft.rfft2(torch.from_numpy(kernel).float().to(x.device), size).conj()
    found: Tensor = torch.fft.irfft2(torch.fft.rfft2(padded.float(), size) * response, size)
    return found[:, :, :height, :width].to(x)


def streak(x: Tensor, angle: Tensor, radius: int, sigma: float) -> Tensor:
    """Motion blur of (B, C, H, W) as by ImageMagick: half a Gaussian of 2 radius + 1 taps along angle (B,) in degrees.

    Tap i is i pixels away in that direction, rounded to a whole pixel; edge pixels are repeated outside.
    """
    length = 2 * radius + 1
    taps = np.exp(-0.5 * (np.arange(length) / sigma) ** 2)
    taps = (taps / taps.sum()).tolist()
    steps, turn = np.arange(length), np.deg2rad(angle.double().cpu().numpy())[:, None]
    # on the CPU in double precision, as other rounding on a device could choose another pixel
    down, right = (torch.from_numpy(np.ceil(steps * f(turn) - 0.5)).long().to(x.device) for f in (np.sin, np.cos))
    margin = int(max(down.abs().max(), right.abs().max()))
    height, width = x.shape[2:]
    windows = F.pad(x, (margin,) * 4, mode="replicate").unfold(2, height, 1).unfold(3, width, 1)
    each = torch.arange(len(x), device=x.device)
    total = torch.zeros_like(x)
    for i, tap in enumerate(taps):
        total.add_(windows[each, :, down[:, i] + margin, right[:, i] + margin], alpha=tap)
    return total


def enlarge(x: Tensor, factor: float) -> Tensor:
    """Enlarge the middle of images (B, C, H, W) linearly to their size, as by scipy's `zoom`."""
    for axis in (2, 3):
        low, high, share = (part.to(x.device) for part in _zoom_taps(x.shape[axis], factor))
        share = share.to(x.dtype).view((-1, 1) if axis == 2 else (-1,))
        x = x.index_select(axis, low) * (1 - share) + x.index_select(axis, high) * share
    return x


@lru_cache(256)
def _zoom_taps(size: int, factor: float) -> tuple[Tensor, Tensor, Tensor]:
    """For each of `size` pixels, the two source pixels it lies between, and its distance from the first."""
    middle = int(np.ceil(size / factor))
    grown = round(middle * factor)
    where = np.arange(grown) * ((middle - 1) / max(grown - 1, 1))
    where = where[(grown - size) // 2 :][:size]
    low = np.minimum(where.astype(int), max(middle - 2, 0))
    start = (size - middle) // 2
    high = np.minimum(low + 1, middle - 1)
    return torch.from_numpy(low + start), torch.from_numpy(high + start), torch.from_numpy(where - low)


def bilinear(x: Tensor, row: Tensor, column: Tensor, edge: str) -> Tensor:
    """Sample images (B, C, H, W) at row and column (B, H, W) in pixels, with bilinear interpolation.

    edge: values outside the image: `mirror` (mirrored about the edge pixels), `reflect` (about the border) or `black`.
    """
    low_row, low_column = row.floor(), column.floor()
    down, right = (row - low_row).unsqueeze(1).to(x), (column - low_column).unsqueeze(1).to(x)

    def at(dr: int, dc: int) -> Tensor:
        return _pixels(x, low_row.long() + dr, low_column.long() + dc, edge)

    upper = at(0, 0) * (1 - right) + at(0, 1) * right
    lower = at(1, 0) * (1 - right) + at(1, 1) * right
    return upper * (1 - down) + lower * down


def _pixels(x: Tensor, row: Tensor, column: Tensor, edge: str) -> Tensor:
    channels, height, width = x.shape[1:]
    index = _fold(row, height, edge) * width + _fold(column, width, edge)
    found = x.flatten(2).gather(2, index.flatten(1).unsqueeze(1).expand(-1, channels, -1)).view_as(x)
    if edge != "black":
        return found
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return found * inside.unsqueeze(1)


def _fold(index: Tensor, size: int, edge: str) -> Tensor:
    if edge == "black":
        return index.clamp(0, size - 1)
    period = 2 * size if edge == "reflect" else 2 * size - 2
    index = index.remainder(period)
    return torch.minimum(index, (period - 1 if edge == "reflect" else period) - index)
