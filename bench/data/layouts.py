"""The layouts in which a data set may be stored below --data-dir: official files, image folder, or .npz archive."""

import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.data.dataset import Source, Split
from bench.data.files.image_list import Shape
from bench.data.image_files import warn_once
from bench.data.image_folder import read_folder
from bench.data.memory import check_memory


@dataclass(frozen=True)
class Layouts:
    """A reader of splits from the first of three layouts that exists; BadInput if none does."""

    name: str
    classes: tuple[str, ...]
    shape: Shape
    official: tuple[str, ...]  # paths below --data-dir; if one of them exists, official files are read
    read_official: Callable[[Path, Split], Source]  # takes --data-dir
    fetched: bool = True  # whether --download can get the official files

    def __call__(self, split: Split, data_dir: Path) -> Source:
        folder, npz = data_dir / self.name, data_dir / f"{self.name}.npz"
        readers: dict[Path, Callable[[], Source]] = {}
        if official := [data_dir / path for path in self.official if (data_dir / path).exists()]:
            readers[official[0]] = lambda: self.read_official(data_dir, split)
        if folder.is_dir() and not any(folder in (path, *path.parents) for path in readers):
            readers[folder] = lambda: read_folder(folder, self.classes, self.shape, split, data_dir)
        if npz.is_file():
            readers[npz] = lambda: read_npz(npz, self.classes, self.shape, split)
        if len(readers) > 1:
            first, *others = map(str, readers)
            warn_once(f"{self.name} is read from {first}, and {' and '.join(others)} left out")
        for read in readers.values():
            return read()
        raise BadInput(
            f"no {self.name} under {data_dir}; put there {' and '.join(self.official)} (the official files), "
            f"{self.name}/{{train,test}}/<class>/ with images, or {self.name}.npz, or name another --data-dir "
            f"(or by the variable BENCH_DATA){', or give --download' * self.fetched}"
        )


@contextmanager
def report_failed_download(name: str, data_dir: Path) -> Iterator[None]:
    """Turn errors of a download inside the block into BadInput with the reason."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        raise BadInput(f"{name} could not be downloaded into {data_dir} ({error}); put its files there") from None


def read_npz(path: Path, classes: tuple[str, ...], shape: Shape, split: Split) -> Source:
    """Read a split from a .npz archive of x_train, y_train, x_test, y_test; pickled objects are refused.

    Images are uint8 (N, H, W, C), labels integers (N,). BadInput if anything is wrong with them.
    """
    wanted = "wanted: x_train y_train x_test y_test, images uint8 (N, H, W, C), labels whole numbers (N,)"
    try:
        with zipfile.ZipFile(path) as archive:
            for name in ("x", "y"):
                with archive.open(f"{name}_{split}.npy") as file:
                    _check_array(f"{name}_{split} in {path}", name, *read_header(file), shape)
        with np.load(path, allow_pickle=False) as arrays:
            x, y = arrays[f"x_{split}"], arrays[f"y_{split}"]
    except BadInput:
        raise
    except Exception as error:  # a damaged archive may raise anything
        raise BadInput(f"cannot read the {split} split of {path} ({error}); {wanted}") from None
    if len(x) != len(y):
        raise BadInput(f"y_{split} in {path} is {y.dtype} {y.shape}; it must be whole numbers ({len(x)},)")
    if y.min() < 0 or y.max() >= len(classes):
        raise BadInput(
            f"y_{split} in {path} has labels {y.min()} to {y.max()}; they must lie in 0 to {len(classes) - 1}"
        )
    return from_arrays(x, y)


def _check_array(
    what: str, name: str, found: tuple[int, ...], dtype: np.dtype[Any], shape: tuple[int, int, int]
) -> None:
    """BadInput if an array (name x: images, y: labels) has another type or shape; checked before it is read."""
    channels, height, width = shape
    if name == "x" and (dtype != np.uint8 or found[1:] != (height, width, channels) or not found[0]):
        size = f"uint8 (N, {height}, {width}, {channels})"
        raise BadInput(f"{what} is {dtype} {found}; it must be {size} with N > 0")
    if name == "x":
        check_memory(found[0], shape, f"images of {what}", "a larger one is needed")
    if name == "y" and (len(found) != 1 or not np.issubdtype(dtype, np.integer)):
        raise BadInput(f"{what} is {dtype} {found}; it must be whole numbers (N,)")


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read shape and dtype of the array in an open .npy file, up to its values; ValueError if it is none."""
    shape, _, dtype = read_layout(file)
    return shape, dtype


def read_layout(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """As `read_header`, with whether the values are stored in the order of Fortran between the two."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def open_npy(path: Path) -> NDArray[Any]:
    """Memory-map the published array in a .npy file; BadInput if it is missing, truncated or not an array."""
    try:
        if not path.is_file():
            raise OSError("there is no such file")
        with path.open("rb") as file:
            shape, dtype = read_header(file)
            begin, size = file.tell(), path.stat().st_size
    except Exception as error:  # NumPy parses the header as Python, which may raise anything
        raise BadInput(f"{path} cannot be read ({error}); put the published file there") from None
    if dtype.hasobject:
        raise BadInput(f"{path} holds Python objects, which are not opened; put the published file there")
    expected = begin + math.prod(shape) * dtype.itemsize
    if size != expected:
        raise BadInput(
            f"{path} has {format_count(size, 'byte')} where its {shape} {dtype} need {expected}; download it again"
        )
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def from_arrays(x: NDArray[np.uint8], y: NDArray[Any], *, ordered: bool = True) -> Source:
    """Make a source of arrays x (N, H, W, C), y (N,). ordered: as of `Source`."""
    images = x.transpose(0, 3, 1, 2)
    return Source(y.astype(np.int64), lambda chosen: np.ascontiguousarray(images[chosen]), ordered)
