"""Splashes of water or mud on the lens. Hendrycks & Dietterich, ICLR 2019; parameters from the authors' code.

Water is shaded by OpenCV there; the same steps are done with SciPy here, image by image.
"""

from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.core.rng import normal
from bench.corruptions.corruption import CORRUPTIONS, Corruption
from bench.corruptions.filters import Floats, smooth
from bench.corruptions.weather import grey

WATER, MUD = (175, 238, 238), (63, 42, 20)
EMBOSS = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
LOW, HIGH = 50, 150  # of the edge detector
MAX_DISTANCE = 20.0  # largest distance from an edge in pixels
STEP_LENGTHS = {  # OpenCV's lengths of steps (rows, columns) for its distance transform
    (r, c): {1: 1.0, 2: 1.4, 5: 2.1969}[r * r + c * c]
    for r, c in product(range(-2, 3), repeat=2)
    if r * r + c * c in (1, 2, 5)
}
Bytes = NDArray[np.uint8]


def spatter(x: Tensor, mean: float, std: float, size: float, threshold: float, strength: float, mud: bool) -> Tensor:
    """Add splashes of water or, at the higher severities, of mud.

    mean, std: of the noise that splashes are made of. size: sigma of its blur in pixels. threshold: there is liquid
    above it. strength: how much water is added, or sigma in pixels of the blur of mud.
    """
    liquid = smooth(mean + std * normal(x[:, :1]), size)
    if mud:
        cover = smooth((liquid > threshold).to(x), strength)
        cover = torch.where(cover < 0.8, 0, cover)
        return x * (1 - cover) + cover * tint(x, MUD)
    drops = torch.where(liquid < threshold, 0, liquid * 255).cpu().numpy().astype(np.uint8)
    shaded = torch.from_numpy(np.stack([shade(one) for one in drops[:, 0]])).to(x)
    return x + strength * shaded[:, None] * tint(x, WATER)


def tint(x: Tensor, rgb: tuple[int, int, int]) -> Tensor:
    """A colour in the type of x, (1, C, 1, 1); its luma if x is grey."""
    colour = x.new_tensor(rgb).view(1, 3, 1, 1) / 255
    return colour if x.shape[1] == 3 else grey(colour)


def shade(drops: Bytes) -> Floats:
    """Brightness of water (H, W) in [0, 1], from the distance to the edges of drops, embossed."""
    from scipy.ndimage import correlate, uniform_filter

    # in single precision a mean of integers that is an integer is exact, so that rounding down loses no level
    near: Bytes = np.asarray(uniform_filter(distances(edges(drops)), 3, mode="mirror"), np.float32).astype(np.uint8)
    relief = np.clip(correlate(equalise(near).astype(int), EMBOSS, mode="mirror"), 0, 255).astype(float)
    light: Floats = np.rint(uniform_filter(relief, 3, mode="mirror")).astype(float) * drops
    light /= max(light.max(), 1)
    return light


def edges(image: Bytes) -> NDArray[np.bool_]:
    """Canny edges (H, W): ridges of the gradient above LOW that are connected to one above HIGH."""
    from scipy.ndimage import label, sobel

    across, down = (sobel(image.astype(int), axis, mode="nearest") for axis in (1, 0))
    steep = np.pad(np.abs(across) + np.abs(down), 1)
    height, width = image.shape

    def beside(rows: int, columns: int) -> NDArray[np.int_]:
        return steep[1 + rows : 1 + rows + height, 1 + columns : 1 + columns + width]

    here = beside(0, 0)
    slope = np.abs(down) / np.maximum(np.abs(across), 1e-9)
    flat, upright = slope < np.tan(np.pi / 8), slope > np.tan(3 * np.pi / 8)
    falling = (across < 0) == (down < 0)
    to_left, to_right = ((here > beside(-1, s)) & (here > beside(1, -s)) for s in (-1, 1))
    ridge = np.where(falling, to_left, to_right)
    ridge = np.where(upright, (here > beside(-1, 0)) & (here >= beside(1, 0)), ridge)
    ridge = np.where(flat, (here > beside(0, -1)) & (here >= beside(0, 1)), ridge)
    parts, _ = label(ridge & (here > LOW), np.ones((3, 3)))
    return np.isin(parts, np.setdiff1d(parts[ridge & (here > HIGH)], [0]))


def distances(edge: NDArray[np.bool_]) -> Floats:
    """Distance of pixels (H, W) to an edge, at most MAX_DISTANCE, by steps to neighbours, diagonals, or knight's."""
    height, width = edge.shape
    far = np.where(edge, 0.0, MAX_DISTANCE)
    while True:
        around = np.pad(far, 2, constant_values=MAX_DISTANCE)
        ways = [around[2 + r : 2 + r + height, 2 + c : 2 + c + width] + cost for (r, c), cost in STEP_LENGTHS.items()]
        nearer = np.minimum.reduce([far, *ways])
        if np.array_equal(nearer, far):
            return far
        far = nearer


def equalise(image: Bytes) -> Bytes:
    """Histogram equalisation as by OpenCV; an image of a single value is returned unchanged."""
    counts = np.bincount(image.ravel(), minlength=256)
    lowest = int(counts.nonzero()[0][0])
    rest = image.size - counts[lowest]
    if rest == 0:
        return image
    counts[lowest] = 0
    table: Bytes = np.rint(counts.cumsum() * (255 / rest)).astype(np.uint8)
    return table[image]


CORRUPTIONS.add(
    "spatter",
    Corruption(
        spatter,
        {
            32: (
                (0.62, 0.1, 0.7, 0.7, 0.5, False),
                (0.65, 0.1, 0.8, 0.7, 0.5, False),
                (0.65, 0.3, 1, 0.69, 0.5, False),
                (0.65, 0.1, 0.7, 0.69, 0.6, True),
                (0.65, 0.1, 0.5, 0.68, 0.6, True),
            ),
            64: (
                (0.62, 0.1, 0.7, 0.7, 0.6, False),
                (0.65, 0.1, 0.8, 0.7, 0.6, False),
                (0.65, 0.3, 1, 0.69, 0.6, False),
                (0.65, 0.1, 0.7, 0.68, 0.6, True),
                (0.65, 0.1, 0.5, 0.67, 0.6, True),
            ),
            224: (
                (0.65, 0.3, 4, 0.69, 0.6, False),
                (0.65, 0.3, 3, 0.68, 0.6, False),
                (0.65, 0.3, 2, 0.68, 0.5, False),
                (0.65, 0.3, 1, 0.65, 1.5, True),
                (0.67, 0.4, 1, 0.65, 1.5, True),
            ),
        },
    ),
)
