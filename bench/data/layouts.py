"""Where a data set may lie below --data-dir: its official files, an image folder, or an archive."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import Shape, Source, Split
from bench.data.folder import read_folder
from bench.errors import BadInput


@dataclass(frozen=True)
class Layouts:
    """Reads a split from the first of the three layouts that is there. BadInput where none is."""

    name: str
    classes: tuple[str, ...]
    shape: Shape
    official: tuple[str, ...]  # below --data-dir; if any of them is there, the official files are meant
    read_official: Callable[[Path, Split], Source]  # of --data-dir
    fetched: bool = True  # whether --download can get the official files

    def __call__(self, split: Split, data_dir: Path) -> Source:
        folder, npz = data_dir / self.name, data_dir / f"{self.name}.npz"
        if any((data_dir / path).exists() for path in self.official):
            return self.read_official(data_dir, split)
        if folder.is_dir():
            return read_folder(folder, self.classes, self.shape, split, data_dir)
        if npz.is_file():
            return read_npz(npz, self.classes, self.shape, split)
        raise BadInput(
            f"no {self.name} under {data_dir}; put there {' and '.join(self.official)} (the official files), "
            f"{self.name}/{{train,test}}/<class>/*.png|jpg, or {self.name}.npz, or name another --data-dir"
            + ", or give --download"
            * self.fetched
        )


@contextmanager
def fetching(name: str, data_dir: Path) -> Iterator[None]:
    """Says in a line why a download failed."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise BadInput(f"{name} could not be downloaded into {data_dir} ({error}); put its files there") from None


def read_npz(path: Path, classes: tuple[str, ...], shape: Shape, split: Split) -> Source:
    """An archive of x_train, y_train, x_test, y_test: images uint8 (N, H, W, C), labels (N,). No pickle is opened."""
    wanted = "wanted: x_train y_train x_test y_test, images uint8 (N, H, W, C), labels whole numbers (N,)"
    try:
        with np.load(path, allow_pickle=False) as archive:
            x, y = archive[f"x_{split}"], archive[f"y_{split}"]
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"cannot read the {split} split of {path} ({error}); {wanted}") from None
    channels, height, width = shape
    if x.dtype != np.uint8 or x.shape[1:] != (height, width, channels) or len(x) == 0:
        size = f"uint8 (N, {height}, {width}, {channels})"
        raise BadInput(f"x_{split} in {path} is {x.dtype} {x.shape}; it must be {size} with N > 0")
    if y.shape != (len(x),) or not np.issubdtype(y.dtype, np.integer):
        raise BadInput(f"y_{split} in {path} is {y.dtype} {y.shape}; it must be whole numbers ({len(x)},)")
    if y.min() < 0 or y.max() >= len(classes):
        raise BadInput(
            f"y_{split} in {path} has labels {y.min()} to {y.max()}; they must lie in 0 to {len(classes) - 1}"
        )
    return from_arrays(x, y)


def from_arrays(x: NDArray[np.uint8], y: NDArray[Any]) -> Source:
    """A split in memory, in its official order: x (N, H, W, C), y (N,)."""
    images = x.transpose(0, 3, 1, 2)
    return Source(y.astype(np.int64), lambda chosen: np.ascontiguousarray(images[chosen]), ordered=True)
