"""Common corruptions: a test image as noise, lenses, weather and computers leave it.

Twenty-three functions of batches on any device. What is drawn for an image depends on the corruption, the severity and
the image's id alone, so batch, order and shard change nothing, to the bit on one device.
"""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from bench.core.errors import BadInput
from bench.core.rng import image_stream
from bench.corruptions.corruption import CORRUPTIONS, parameters
from bench.corruptions.frost_images import PHOTOGRAPHS, USED, find_frost_images

Quirks = Literal["official", "mended"]
IMAGENET_C = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    *("snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression"),
)
SETS = {  # in the order of the papers' tables
    "imagenet-c": IMAGENET_C,
    "extra": ("speckle_noise", "gaussian_blur", "spatter", "saturate"),
    "mtlat": (*IMAGENET_C, "rotation", "translation", "occlusion", "color_shift"),
}


def members(name: str) -> list[str]:
    """The corruptions of a set; of `all`, every one there is. Empty where there is no such set."""
    if name == "all":
        return list(dict.fromkeys([*chain.from_iterable(SETS.values()), *CORRUPTIONS]))
    return list(SETS.get(name, ()))


@torch.no_grad()
def corrupted(
    x: Tensor,
    name: str,
    severity: int,
    ids: Sequence[int],
    data_dir: Path | None = None,
    quirks: Quirks = "official",
    settings: tuple[float, ...] | None = None,
) -> Tensor:
    """Apply a corruption to images.

    What is drawn for an image depends on the corruption, the severity and the image's id alone. Source of the first
    nineteen: Hendrycks, Dietterich 2019, arXiv:1903.12261; of the others: Laugros et al. 2020, arXiv:2008.08384.

    Args:
        x: (B, C, H, W), grey or RGB, uint8 or floating point in [0, 1], which is rounded to 8 bits first and comes
            back as multiples of 1/255, as the published sets are saved.
        name: of the corruption, in `CORRUPTIONS`.
        severity: 1 to 5.
        ids: of the B images in their test set.
        data_dir: where the photographs for frost may lie, see `bench.corruptions.frost_images`.
        quirks: `official` drops the fraction of a level and never draws the sixth photograph of frost, as the
            published sets do; `mended` rounds and draws from all six.
        settings: parameters in the place of those of the severity.

    Returns:
        Images of the same shape, type and device.

    Raises:
        BadInput: for an unknown name or severity, for images of another range, and where the corruption is not
            defined for images of this shape.

    Example:
        >>> import torch
        >>> from bench import corrupted
        >>> x = torch.full((2, 3, 32, 32), 128, dtype=torch.uint8)
        >>> brighter = corrupted(x, "brightness", 3, ids=range(2))
        >>> brighter.shape, bool((brighter > x).all())
        (torch.Size([2, 3, 32, 32]), True)
    """
    listed = parameters(name, severity, (x.shape[1], x.shape[2], x.shape[3]))
    if x.is_floating_point() and not (x.min() >= 0 and x.max() <= 1):
        raise BadInput(f"images span [{float(x.min()):.3f}, {float(x.max()):.3f}]; corruptions take pixels in [0, 1]")
    corruption = CORRUPTIONS[name]
    given = (
        {"ice": find_frost_images(data_dir, USED if quirks == "official" else len(PHOTOGRAPHS))}
        if corruption.ice
        else {}
    )
    whole = (x * 255).round().byte() if x.is_floating_point() else x
    with image_stream(ids, "corruption", name, severity):
        result = corruption(whole, *(settings or listed), rounded=quirks == "mended", **given)
    return result.to(x) / 255 if x.is_floating_point() else result
