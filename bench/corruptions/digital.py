"""Light, colour and compression. Hendrycks & Dietterich, ICLR 2019, arXiv:1903.12261; the authors' parameters.

Colours go through HSV by scikit-image's formulas in double precision, as a rounding error here is a level there.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.corruptions.corruption import CORRUPTIONS, Corruption, single


def brightness(x: Tensor, more: float) -> Tensor:
    """More light: the value of HSV grows."""
    if x.shape[1] == 1:
        return x + more
    hue, saturation, value = to_hsv(x)
    return from_hsv(hue, saturation, (value + more).clamp(0, 1))


def saturate(x: Tensor, factor: float, more: float) -> Tensor:
    """Paler or gaudier: the saturation of HSV is scaled."""
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
    """Less contrast: values move towards the mean of their channel.

    Around each channel's mean, summed in whole levels so that the order of the sum cannot matter."""
    levels = (x * 255).round().long()
    mean = levels.sum((2, 3), keepdim=True).double() / (levels[0, 0].numel() * 255)
    return (x - mean) * factor + mean


def pixelate(x: Tensor, scale: float) -> Tensor:
    """Averaged down to a share of the size, and blown up again."""
    height, width = x.shape[2:]
    size = (int(width * scale), int(height * scale))
    small = by_pillow(x, lambda image: image.resize(size, Image.Resampling.BOX))
    # blown up by Pillow's box filter, each pixel is the one that its centre lies on
    rows, columns = (
        (torch.arange(n) + 0.5).double().mul(k / n).long() for n, k in ((height, size[1]), (width, size[0]))
    )
    return small.index_select(3, columns.to(x.device)).index_select(2, rows.to(x.device))


def jpeg_compression(x: Tensor, quality: int) -> Tensor:
    """Written as JPEG of a low quality, and read again."""

    def change(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file, formats=["JPEG"])

    return by_pillow(x, change)


def by_pillow(x: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """Each image (C, H, W) as Pillow changes it, possibly to another size.

    Channels are moved one by one: torch's own copy of permuted bytes takes as long as Pillow.
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
