"""A list of image files, each of which is read as pixels of one shape."""

import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.data.image_files import refuse_huge_images

Shape = tuple[int, int, int]  # C, H, W
TINY_IMAGE_PIXELS = 32 * 32  # up to so many pixels, one thread reads faster than several, which wait for each other
NANOSECONDS = 10**9


@dataclass(frozen=True, eq=False)
class ImageList:
    """Image files, and the function that reads one as (C, H, W)."""

    paths: Sequence[str]
    shape: Shape
    read: Callable[[str, Shape], NDArray[np.uint8]]
    root: str  # the folder that all paths lie in

    def pixels(self, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read chosen images, (n, C, H, W)."""
        x = np.empty((len(chosen), *self.shape), np.uint8)

        def fill(part: NDArray[np.int64]) -> None:
            for i in part:
                x[i] = self.read(self.paths[chosen[i]], self.shape)

        with refuse_huge_images(), ThreadPoolExecutor(1 if self.is_tiny else None) as pool:
            list(pool.map(fill, np.array_split(np.arange(len(chosen)), 64)))
        return x

    @property
    def is_tiny(self) -> bool:
        """Whether the images are so small that several threads read them no faster than one."""
        return self.shape[1] * self.shape[2] <= TINY_IMAGE_PIXELS

    def states(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of chosen files the bytes, and the times when content and anything else last changed, in nanoseconds: (n, 3).

        BadInput if one is gone.
        """
        found = np.empty((len(chosen), 3), np.int64)
        for row, place in enumerate(chosen):
            found[row] = self._state(self.paths[place])
        return found

    def read_unchanged(self, index: int, state: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read one image, (C, H, W); BadInput if its file is not as it was when `states` had this state of it."""
        path = self.paths[index]
        self._check_unchanged(path, state)
        pixels = np.array(self.read(path, self.shape), order="C")
        self._check_unchanged(path, state)
        return pixels

    def _check_unchanged(self, path: str, state: NDArray[np.int64]) -> None:
        size, changed, _ = self._state(path)
        if size != state[0] or changed // NANOSECONDS != state[1] // NANOSECONDS:  # copies may keep whole seconds only
            raise BadInput(
                f"{path} was changed while a command used it: it had {state[0]} bytes and has {size}, or was written "
                "anew; leave the images as they are until the command ends, and start it again"
            )

    def _state(self, path: str) -> tuple[int, int, int]:
        try:
            found = os.stat(path)
        except OSError as error:
            raise BadInput(
                f"cannot read the image {path} on {platform.node()} ({error.strerror}); put it there, as images that "
                "do not fit into --data-memory are read from their files by every process"
            ) from None
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns
