"""Images of frost: photographs if the user has them, otherwise procedural textures."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from bench.core.errors import BadInput
from bench.core.rng import fixed_seed
from bench.corruptions.plasma import plasma

PHOTOGRAPHS = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg", "frost6.jpg")
PACKAGE = "imagecorruptions"  # a package that has them, in any version
PHOTOGRAPHS_USED = 5  # of six photographs, as the official code draws indices 0 to 4


@dataclass(frozen=True, eq=False)
class FrostImages:
    """Images of frost.

    kind: photographs, or procedural, with which results are not comparable with published ones.
    pictures: uint8 (3, H, W) each.
    """

    kind: Literal["photographs", "procedural"]
    pictures: tuple[Tensor, ...]

    def resize(self, scale: float, need: tuple[int, int]) -> list[Tensor]:
        """The pictures resized by a scale, or to be a tenth larger than need (H, W) if they would be smaller."""
        return [_resize(picture, _factor(picture, scale, need)) for picture in self.pictures]

    def digest(self) -> str:
        """Eight hexadecimal digits that change with any pixel."""
        return sha256(b"".join(picture.numpy().tobytes() for picture in self.pictures)).hexdigest()[:8]


def _factor(picture: Tensor, scale: float, need: tuple[int, int]) -> float:
    short = max(n / have for n, have in zip(need, picture.shape[1:], strict=True))
    return scale if scale > short else 1.1 * short


@lru_cache(32)
def _resize(picture: Tensor, scale: float) -> Tensor:
    """Resize by linear interpolation without smoothing, as OpenCV does."""
    if scale == 1:
        return picture
    result = picture.double()
    for axis in (1, 2):
        size = result.shape[axis]
        where = ((torch.arange(round(size * scale)) + 0.5) / scale - 0.5).clamp(0, size - 1)
        low = where.long()
        share = (where - low).double().view((-1, 1) if axis == 1 else (-1,))
        high = (low + 1).clamp(max=size - 1)
        result = result.index_select(axis, low) * (1 - share) + result.index_select(axis, high) * share
    return result.round().byte()


def find_frost_images(data_dir: Path | None, used: int = PHOTOGRAPHS_USED) -> FrostImages:
    """Find photographs in data_dir/frost or in the package imagecorruptions; if there are none, make textures.

    used: how many of the six photographs. BadInput if only some of them are there.
    """
    package = find_spec(PACKAGE)
    places = [data_dir / "frost"] if data_dir else []
    places += [Path(package.origin).parent / "frost"] if package and package.origin else []
    found = next((place for place in places if place.is_dir()), None)
    return _photographs(found, used) if found else _procedural(used)


@lru_cache(4)
def _photographs(folder: Path, used: int) -> FrostImages:
    try:
        if missing := [name for name in PHOTOGRAPHS[:used] if not (folder / name).is_file()]:
            raise OSError(f"no file {missing[0]}")
        images = [Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS[:used]]
    except Exception as error:  # Pillow raises many types of errors for damaged files
        wanted = ", ".join(PHOTOGRAPHS[:used])
        raise BadInput(f"cannot read the photographs of frost in {folder} ({error}); it must hold {wanted}") from None
    return FrostImages("photographs", tuple(torch.from_numpy(np.array(image).transpose(2, 0, 1)) for image in images))


@lru_cache(2)
def _procedural(used: int) -> FrostImages:
    """Textures of bright ridges on bluish white."""
    with fixed_seed("procedural ice"):
        cloud = plasma(torch.rand(used, 512, 512, dtype=torch.float64), decay=1.3)
    ridges = 0.4 + 0.55 * (1 - (2 * cloud - 1).abs())
    tint = torch.tensor([0.88, 0.95, 1.0], dtype=torch.float64).view(3, 1, 1)
    pictures = (ridges.unsqueeze(1) * tint * 255).round().byte()
    return FrostImages("procedural", tuple(pictures))
