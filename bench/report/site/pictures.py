"""Images as PNG for the pages."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels (C, H, W), C being 1 or 3, as PNG."""
    from PIL import Image

    file, whole = io.BytesIO(), np.ascontiguousarray(pixels.transpose(1, 2, 0))
    Image.fromarray(whole[:, :, 0] if whole.shape[2] == 1 else whole).save(file, "PNG")
    return file.getvalue()


def to_pixels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert numbers from 0 to 1 to 8 bits; others are clipped."""
    return np.asarray((255 * np.clip(image, 0, 1)).round(), np.uint8)
