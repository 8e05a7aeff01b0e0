"""Labelled images, in memory or in files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.core.errors import BadInput
from bench.data.arrays import label_tensor, pixel_tensor
from bench.data.files.file_pixels import FilePixels
from bench.data.files.fingerprint import fingerprint_of, fingerprint_of_files, is_large


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled images in a fixed order; the id of an image is its place in the order of its split.

    NumPy arrays, half precision and labels of other integer types are converted.

    Args:
        x: images (N, C, H, W), N > 0, uint8 in 0..255 or floating point in [0, 1]; or images in files, of which
            x[0:9], or x[i] for places i (B,), is a tensor.
        y: classes (N,), counted from 0; int64 after conversion.
        origin: the files that the pixels of a tensor x were read from; None if they do not come from image files.

    Raises:
        BadInput: images or labels are of another type or shape, or outside their range.

    Example:
        >>> import torch
        >>> from bench import Images
        >>> images = Images(torch.zeros(3, 1, 8, 8), torch.tensor([0, 1, 2]))
        >>> len(images), len(images.first(2))
        (3, 2)
    """

    x: Tensor | FilePixels
    y: Tensor
    origin: FilePixels | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.x, FilePixels):
            object.__setattr__(self, "x", pixel_tensor(self.x))
        object.__setattr__(self, "y", label_tensor(self.y))
        if len(self.x.shape) != 4 or self.y.shape != self.x.shape[:1] or not len(self.y):
            raise BadInput(
                f"images {tuple(self.x.shape)} with labels {tuple(self.y.shape)}: (N, C, H, W) and (N,), N > 0"
            )

    def __len__(self) -> int:
        return len(self.x)

    def first(self, n: int) -> "Images":
        """The first n images, or all if there are fewer."""
        return self.part(0, n)

    def part(self, start: int, stop: int) -> "Images":
        """The images from start up to, but not including, stop; those of files are not decoded."""
        x = self.x.part(start, stop) if isinstance(self.x, FilePixels) else self.x[start:stop]
        return Images(x, self.y[start:stop], self.origin.part(start, stop) if self.origin else None)

    def to(self, device: torch.device | str) -> "Images":
        """The images and labels on a device."""
        return Images(self.x.to(device), self.y.to(device), self.origin)

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield the images (B, C, H, W) at each of some lists of places (B,); those of files are decoded ahead."""
        if isinstance(self.x, FilePixels):
            return self.x.batches(parts)
        return (self.x[part.to(self.x.device)] for part in parts)

    def __getstate__(self) -> dict[str, object]:
        """What is pickled: of a part of a larger tensor, the part alone, as pickle would take all of its memory."""
        return {name: _without_the_rest(value) for name, value in vars(self).items()}

    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any pixel, label, shape or order; see `files.fingerprint`."""
        if isinstance(self.x, FilePixels):
            return fingerprint_of_files(self.x, self.y.cpu().numpy())
        if self.origin is not None and is_large(self.origin.shape):
            return fingerprint_of_files(self.origin, self.y.cpu().numpy())
        arrays = (tensor.cpu().contiguous().numpy() for tensor in (self.x, self.y))
        return fingerprint_of((tuple(self.x.shape), tuple(self.y.shape)), arrays)


def _without_the_rest(value: object) -> object:
    """A copy of a tensor that is a part of a larger one; anything else as it is."""
    is_part = isinstance(value, Tensor) and value.untyped_storage().nbytes() > value.nbytes
    return value.clone() if isinstance(value, Tensor) and is_part else value
