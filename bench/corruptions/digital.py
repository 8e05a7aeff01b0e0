"""Light, colour and compression. Hendrycks & Dietterich, ICLR 2019, arXiv:1903.12261; the authors' parameters.

HSV is computed by scikit-image's formulas in double precision, as rounding errors could change an 8-bit level.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.corruptions.corruption import CORRUPTIONS, Corruption, single


def brightness(x: Tensor, more: float) -> Tensor:
    """Brighten: an amount `more` is added to the value in HSV."""
    if x.shape[1] == 1:
        return x + more
    hue, saturation, value = to_hsv(x)
    return from_hsv(hue, saturation, (value + more).clamp(0, 1))


def saturate(x: Tensor, factor: float, more: float) -> Tensor:
    """Change colourfulness: the saturation in HSV is scaled and shifted."""
    hue, saturation, value = to_hsv(x)
    return from_hsv(hue, (saturation * factor + more).clamp(0, 1), value)


def to_hsv(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue, saturation and value (B, H, W) in [0, 1] of RGB images."""
    red, green, blue = x.unbind(1)
    value = x.amax(1)
    spread = value - x.amin(1)
    some = torch.where(spread == 0, 1, spread)
    sector = torch.where(red == value, (green - blue) / some, 2 + (blue - red) / some)
    sector = torch.where((green == value) & (red == value), 2 + (blue - red) / some, sector)
    sector = torch.where(blue == value, 4 + (red - green) / some, sector)
    hue = torch.where(spread == 0, 0, (sector / 6).remainder(1))
    return hue, torch.where(spread == 0, 0, spread / torch.where(value == 0, 1, value)), value


def from_hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """RGB images (B, 3, H, W) of hue, saturation and value (B, H, W)."""
    sector = (hue * 6).floor()
    part = hue * 6 - sector
    p, q = value * (1 - saturation), value * (1 - part * saturation)
    t = value * (1 - (1 - part) * saturation)
    choices = ((value, t, p), (q, value, p), (p, value, t), (p, q, value), (t, p, value), (value, p, q))
    table = torch.stack([torch.stack(choice, 1) for choice in choices], 1)
    index = (sector.long() % 6)[:, None, None].expand(-1, 1, 3, -1, -1)
    return table.gather(1, index)[:, 0]


def contrast(x: Tensor, factor: float) -> Tensor:
    """Lower the contrast: values move towards the mean of their channel by a factor.

    The mean is summed over integer levels, so that it does not depend on the order of summation.
    """
    levels = (x * 255).round().long()
    mean = levels.sum((2, 3), keepdim=True).double() / (levels[0, 0].numel() * 255)
    return (x - mean) * factor + mean


def pixelate(x: Tensor, scale: float) -> Tensor:
    """Pixelate: average down to a share of the size, and enlarge again."""
    height, width = x.shape[2:]
    size = (int(width * scale), int(height * scale))
    small = by_pillow(x, lambda image: image.resize(size, Image.Resampling.BOX))
    # as Pillow's box filter enlarges: each pixel has the value of the small pixel under its centre
    rows, columns = (
        (torch.arange(n) + 0.5).double().mul(k / n).long() for n, k in ((height, size[1]), (width, size[0]))
    )
    return small.index_select(3, columns.to(x.device)).index_select(2, rows.to(x.device))


def jpeg_compression(x: Tensor, quality: int) -> Tensor:
    """Compress as JPEG of a low quality (1 to 95), and decode."""

    def change(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file, formats=["JPEG"])

    return by_pillow(x, change)


def by_pillow(x: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """Apply a function of Pillow images to each image (C, H, W) uint8; it may change the size.

    Channels are copied one by one, as torch takes long to copy permuted bytes.
    """
    planes = x.cpu().numpy()
    pixels = np.stack([planes[:, channel] for channel in range(x.shape[1])], 3)
    pixels = pixels if x.shape[1] == 3 else pixels[..., 0]
    changed = np.stack([np.asarray(change(Image.fromarray(image))) for image in pixels])
    changed = changed if x.shape[1] == 3 else changed[..., None]
    return torch.from_numpy(np.stack([changed[..., channel] for channel in range(x.shape[1])], 1)).to(x.device)


CORRUPTIONS.add(
    "brightness",
    Corruption(
        brightness,
        {
            32: single(0.05, 0.1, 0.15, 0.2, 0.3),
            64: single(0.1, 0.2, 0.3, 0.4, 0.5),
            224: single(0.1, 0.2, 0.3, 0.4, 0.5),
        },
        dtype=torch.float64,
    ),
)
CORRUPTIONS.add(
    "contrast",
    Corruption(
        contrast,
        {
            32: single(0.75, 0.5, 0.4, 0.3, 0.15),
            64: single(0.4, 0.3, 0.2, 0.1, 0.05),
            224: single(0.4, 0.3, 0.2, 0.1, 0.05),
        },
        dtype=torch.float64,
    ),
)
CORRUPTIONS.add(
    "pixelate",
    Corruption(
        pixelate,
        {
            32: single(0.95, 0.9, 0.85, 0.75, 0.65),
            64: single(0.9, 0.8, 0.7, 0.6, 0.5),
            224: single(0.6, 0.5, 0.4, 0.3, 0.25),
        },
        dtype=torch.uint8,
    ),
)
CORRUPTIONS.add(
    "jpeg_compression",
    Corruption(
        jpeg_compression,
        {32: single(80, 65, 58, 50, 40), 64: single(65, 58, 50, 40, 25), 224: single(25, 18, 15, 10, 7)},
        dtype=torch.uint8,
    ),
)
CORRUPTIONS.add(
    "saturate",
    Corruption(
        saturate,
        {
            32: ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
            64: ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2)),
            224: ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
        },
        colour=True,
        dtype=torch.float64,
    ),
)
