"""Common corruptions of test images by name: noise, blur, weather and digital artefacts.

Random numbers for an image depend only on the corruption, the severity and the image's id, so results do not depend on
batch, order or shard; on one device they are equal to the bit.
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
from bench.corruptions.frost_images import PHOTOGRAPHS, PHOTOGRAPHS_USED, find_frost_images

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
    """Names of the corruptions in a set; `all` is every registered one. Empty if there is no such set."""
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

    Random numbers for an image depend only on the corruption, the severity and the image's id. Sources: Hendrycks,
    Dietterich 2019, arXiv:1903.12261 (the sets imagenet-c and extra); Laugros et al. 2020, arXiv:2008.08384 (rotation,
    translation, occlusion, color_shift).

    Args:
        x: (B, C, H, W), grey or RGB, uint8 or floating point in [0, 1], which is rounded to 8 bits first and comes
            back as multiples of 1/255, as the published sets are saved.
        name: of the corruption, in `CORRUPTIONS`.
        severity: 1 to 5.
        ids: of the B images in their test set.
        data_dir: folder with the photographs for frost, see `bench.corruptions.frost_images`.
        quirks: `official` rounds down to 8 bits and uses only five of the six photographs of frost, as the published
            sets do; `mended` rounds to nearest and uses all six.
        settings: parameters to use instead of those of the severity.

    Returns:
        Images of the same shape, type and device.

    Raises:
        BadInput: the name or severity is unknown, pixels are outside [0, 1], or the corruption is not defined for
            images of this shape.

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
        {"ice": find_frost_images(data_dir, PHOTOGRAPHS_USED if quirks == "official" else len(PHOTOGRAPHS))}
        if corruption.ice
        else {}
    )
    whole = (x * 255).round().byte() if x.is_floating_point() else x
    with image_stream(ids, "corruption", name, severity):
        result = corruption(whole, *(settings or listed), rounded=quirks == "mended", **given)
    return result.to(x) / 255 if x.is_floating_point() else result
