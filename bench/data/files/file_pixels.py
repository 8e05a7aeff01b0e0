"""Pixels of a data set that stay in their files until they are used."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.core.processes import cores
from bench.data.files.image_list import ImageList
from bench.data.files.read_ahead import read_ahead

MAX_DECODING_THREADS = 8
Index = slice | Tensor | Sequence[int]


@dataclass(frozen=True, eq=False)
class FilePixels:
    """Images (N, C, H, W), uint8, in files. Indexing by a slice or by places (B,) decodes those, as a tensor."""

    files: ImageList
    chosen: NDArray[np.int64]  # (N,), places in the list
    states: NDArray[np.int64]  # (N, 3), of the files when the command began; see `ImageList.states`
    ahead: int  # images that are decoded before they are used
    store: Path | None = None  # folder of stored fingerprints
    device: torch.device = torch.device("cpu")
    start: int = 0  # place of the first image in the split
    fingerprints: dict[tuple[int, int, bytes], str] = field(default_factory=dict)  # by start, number and labels

    dtype = torch.uint8

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self), *self.files.shape)

    def part(self, start: int, stop: int) -> "FilePixels":
        """The images from start up to, but not including, stop; nothing is decoded."""
        chosen, states = self.chosen[start:stop], self.states[start:stop]
        return replace(self, chosen=chosen, states=states, start=self.start + start)

    def to(self, device: torch.device | str) -> "FilePixels":
        """The same images, which come on another device."""
        return replace(self, device=torch.device(device))

    def __getitem__(self, index: Index) -> Tensor:
        """Decode some images, (B, C, H, W); BadInput names a file that cannot be read, or was changed."""
        places = torch.arange(len(self))[index.cpu() if isinstance(index, Tensor) else index]
        (x,) = self.batches([places])
        return x

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield the images (B, C, H, W) of each list of places (B,), while those to come are decoded."""
        images = self._decode(place for part in parts for place in part.tolist())
        for part in parts:
            x = np.empty((len(part), *self.files.shape), np.uint8)
            for row in range(len(part)):
                x[row] = next(images)
            yield torch.from_numpy(x).to(self.device)

    def each(self) -> Iterator[NDArray[np.uint8]]:
        """Each image (C, H, W) in turn."""
        return self._decode(range(len(self)))

    def _decode(self, places: Iterable[int]) -> Iterator[NDArray[np.uint8]]:
        def read(place: int) -> NDArray[np.uint8]:
            return self.files.read_unchanged(int(self.chosen[place]), self.states[place])

        return read_ahead(read, places, self.ahead, 1 if self.files.is_tiny else min(cores(), MAX_DECODING_THREADS))
