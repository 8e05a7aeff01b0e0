"""Batches for training, with random crops and flips on the device of the images."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.data.images import Images


def to_float(x: Tensor) -> Tensor:
    """Convert uint8 pixels to float32 in [0, 1]; floating-point pixels are returned unchanged."""
    return x if x.is_floating_point() else x.float() / 255


def epoch_batches(
    images: Images, batch_size: int, *, pad: int, flip: bool, rows: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in a new random order: x float32 (B, C, H, W) in [0, 1], y int64 (B,).

    The last batch is dropped if it is smaller, as backward passes over it crash some builds of torch; fewer images than
    batch_size make one batch. pad: zeros around an image in pixels, before a random crop of its size. flip: random
    left-right flips. rows: of each batch, to yield alone; None: all. Random numbers are drawn on the CPU before the
    first batch, so that they depend neither on the device nor on draws of the recipe.
    """
    n = len(images)
    size = min(batch_size, n)
    order = torch.randperm(n)
    corner = torch.randint(2 * pad + 1, (2, n))
    mirror = torch.rand(n) < 0.5
    starts = range(0, n - size + 1, size)
    parts = [slice(start, start + size) if rows is None else start + rows for start in starts]
    batches = images.batches([order[part] for part in parts])
    order, corner, mirror = (draw.to(images.x.device) for draw in (order, corner, mirror))
    for part, x in zip(parts, batches, strict=True):
        yield crop_and_flip(x, corner[:, part], mirror[part], pad=pad, flip=flip), images.y[order[part]]


def crop_and_flip(x: Tensor, corner: Tensor, mirror: Tensor, *, pad: int, flip: bool) -> Tensor:
    """The images x (B, C, H, W) cropped and flipped, as floating point in [0, 1].

    corner: (2, B), as of `crop`, unused where pad is 0. mirror: (B,), which images to flip, unused without flip.
    """
    if pad:
        x = crop(x, corner, pad)
    if flip:
        x = torch.where(mirror[:, None, None, None], x.flip(3), x)
    return to_float(x)


def crop(x: Tensor, corner: Tensor, pad: int) -> Tensor:
    """Pad x (B, C, H, W) with zeros and crop it to its size. corner: (2, B), row and column in 0..2 pad."""
    height, width = x.shape[2:]
    windows = F.pad(x, (pad, pad, pad, pad)).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(len(x), device=x.device), :, corner[0], corner[1]]
