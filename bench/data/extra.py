"""Extra training images in a .npz archive, such as published generated ones, of which every batch takes a share.

The layout is that of the published sets: `image` uint8 (N, H, W, C) and `label` whole numbers (N,), as in those of
Rebuffi et al. 2021, arXiv:2103.01946 (github.com/google-deepmind/deepmind-research, folder adversarial_robustness), and
Wang et al. 2023, arXiv:2302.04638 (github.com/wzekai99/DM-Improves-AT). Labels may be distributions (N, classes) too.
"""

import math
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from bench.core.errors import BadInput
from bench.core.parsing import format_count, printable
from bench.data.arrays import check_labels, label_tensor
from bench.data.dataset import Dataset
from bench.data.files.fingerprint import FOLDER, fingerprint_of, stored_fingerprint
from bench.data.files.image_list import NANOSECONDS
from bench.data.layouts import read_layout
from bench.data.memory import DataMemory, format_bytes

IMAGE, LABEL = "image", "label"
WANTED = f"{IMAGE} uint8 (N, H, W, C) and {LABEL} whole numbers (N,), as numpy.savez writes them"
LOCAL_HEADER = 30  # bytes of the header of a member of a zip archive, before its name
LENGTHS_AT = 26  # place in that header of the lengths of what follows it
LARGEST_ROUNDING = 1e-3  # by which the sum of a distribution may miss 1
BLOCK_BYTES = 2**24  # that are read at a time for the fingerprint
WORTH_STORING = 2**28  # bytes of images; computing the fingerprint of fewer takes less than a second


@dataclass(frozen=True, eq=False)
class StoredImages:
    """Images uint8 (N, H, W, C) in an archive without compression: each is read where it lies, when it is used."""

    path: Path
    begin: int  # place of the first pixel in the file, in bytes
    shape: tuple[int, ...]
    state: tuple[int, int]  # of the file when the command began; see `_state`

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Read the images at places (B,), as (B, H, W, C). BadInput if the file is gone or was changed."""
        x = np.empty((len(places), *self.shape[1:]), np.uint8)
        with self._open() as file:
            for row, place in enumerate(places.tolist()):
                file.seek(self.begin + place * x[0].nbytes)
                self._read(file, x[row])
        return x

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """All images in their order, some at a time."""
        at_a_time = max(1, BLOCK_BYTES // math.prod(self.shape[1:]))
        with self._open() as file:
            file.seek(self.begin)
            for start in range(0, self.shape[0], at_a_time):
                x = np.empty((min(at_a_time, self.shape[0] - start), *self.shape[1:]), np.uint8)
                self._read(file, x)
                yield x

    def _open(self) -> FileIO:
        size, changed = _state(self.path)
        if size != self.state[0] or changed // NANOSECONDS != self.state[1] // NANOSECONDS:  # copies may keep seconds
            raise BadInput(
                f"--extra {self.path} was changed during the command, or is a copy on another host that was written at "
                "another time; leave it as it is until the command ends, and copy it by `cp -p` or `rsync -t`"
            )
        return self.path.open("rb", buffering=0)

    def _read(self, file: FileIO, x: NDArray[np.uint8]) -> None:
        if file.readinto(x.data.cast("B")) < x.nbytes:
            raise BadInput(f"--extra {self.path} ends before its last image; put a whole copy in its place")


@dataclass(frozen=True, eq=False)
class ExtraImages:
    """Labelled images that a training learns from beside those of its data set; never held out, never tested on."""

    path: Path
    pixels: StoredImages | NDArray[np.uint8]  # (N, H, W, C)
    labels: Tensor  # int64 (N,), or distributions float32 (N, classes)
    classes: int  # of the data set
    fingerprint: str  # 16 hexadecimal digits, of all pixels and labels; not of the file's name

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """The images at places (B,): x uint8 (B, C, H, W), and their labels as distributions q (B, classes)."""
        x = np.ascontiguousarray(self.pixels[places.numpy()].transpose(0, 3, 1, 2))
        y = self.labels[places]
        return torch.from_numpy(x), y if y.is_floating_point() else F.one_hot(y, self.classes).float()


def read_extra(path: Path, data: Dataset, memory: DataMemory, data_dir: Path) -> ExtraImages:
    """Read the extra images of a .npz archive for trainings on a data set.

    Images of an archive without compression stay in the file. Others are kept in memory.

    Args:
        data: the data set, whose shape and classes the images have.
        memory: what images may take.
        data_dir: where the fingerprint of a large archive is stored, as computing it reads all images.

    Raises:
        BadInput: the file is missing, no .npz archive, or has other fields, shapes, types or labels; or its images are
            compressed and do not fit into memory.
    """
    if not path.is_file():
        raise BadInput(f"--extra {path}: there is no such file; name a .npz archive of {WANTED}")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if not {IMAGE, LABEL} <= members.keys():
                found = printable(", ".join(members) or "nothing", 100)
                raise BadInput(f"--extra {path} holds {found}; wanted: {WANTED}")
            with archive.open(members[IMAGE]) as file:
                shape, is_transposed, dtype = read_layout(file)
                begin = file.tell()
        _check_images(path, shape, dtype, data)
        with np.load(path, allow_pickle=False) as arrays:
            labels = _labels(arrays[LABEL], shape[0], data)
            if members[IMAGE].compress_type == zipfile.ZIP_STORED and not is_transposed:
                pixels: StoredImages | NDArray[np.uint8] = _locate(path, members[IMAGE], begin, shape)
            else:
                _check_memory(path, shape[0], data, memory)
                pixels = np.ascontiguousarray(arrays[IMAGE])
                memory.keep(shape[0], data.shape)
    except BadInput as error:
        raise error if str(error).startswith("--extra") else BadInput(f"--extra {path}: {error}") from error
    except Exception as error:  # a damaged archive may raise anything
        raise BadInput(f"--extra {path} cannot be read ({printable(error, 100)}); wanted: {WANTED}") from error

    def compute() -> str:
        blocks = pixels.blocks() if isinstance(pixels, StoredImages) else [pixels]
        return fingerprint_of((shape, tuple(labels.shape)), chain(blocks, [labels.numpy()]))

    place = data_dir / FOLDER / fingerprint_of(("extra", str(path.resolve()), _state(path), labels.shape), [])
    digest = stored_fingerprint(place if math.prod(shape) >= WORTH_STORING else None, compute)
    return ExtraImages(path, pixels, labels, data.num_classes, digest)


def _check_images(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], data: Dataset) -> None:
    """BadInput if the images have another type or size than those of the data set."""
    channels, height, width = data.shape
    if dtype != np.uint8 or shape[1:] != (height, width, channels) or not shape[0]:
        size = f"uint8 (N, {height}, {width}, {channels})"
        raise BadInput(f"--extra {path}: {IMAGE} is {dtype} {shape}; for {data.name} it must be {size} with N > 0")


def _labels(values: NDArray[Any], images: int, data: Dataset) -> Tensor:
    """Labels as int64 (N,) or as distributions float32 (N, classes); BadInput if they are neither."""
    if values.shape == (images,):
        try:
            y = label_tensor(values)
            check_labels(y, data.num_classes, f"data set {data.name}")
        except BadInput as error:
            raise BadInput(f"{LABEL}: {error}") from error
        return y
    if values.shape != (images, data.num_classes) or values.dtype.kind not in "biuf":
        both = f"whole numbers ({images},) or distributions ({images}, {data.num_classes})"
        raise BadInput(f"{LABEL} is {values.dtype} {values.shape}; it must be {both}")
    q = torch.from_numpy(values.astype(np.float32))
    is_wrong = ~((q >= 0).all(1) & ((q.sum(1) - 1).abs() <= LARGEST_ROUNDING))  # so that NaN is wrong too
    if is_wrong.any():
        first = int(is_wrong.int().argmax())
        raise BadInput(
            f"{LABEL}: {int(is_wrong.sum())} of {format_count(images, 'row')} are no distributions, such as row "
            f"{first}; a row has shares from 0 up that add up to 1"
        )
    return q


def _locate(path: Path, member: zipfile.ZipInfo, begin: int, shape: tuple[int, ...]) -> StoredImages:
    """The images of a member that is stored as it is. begin: of the pixels in the member."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        head = file.read(LOCAL_HEADER)
    before = LOCAL_HEADER + sum(struct.unpack("<HH", head[LENGTHS_AT:]))
    if member.file_size != begin + math.prod(shape):
        raise BadInput(
            f"{IMAGE} has {member.file_size - begin} pixels where its shape {shape} needs {math.prod(shape)}"
        )
    return StoredImages(path.resolve(), member.header_offset + before + begin, shape, _state(path))


def _check_memory(path: Path, count: int, data: Dataset, memory: DataMemory) -> None:
    """BadInput if images that have to be kept do not fit into memory."""
    if not memory.has_room(count, data.shape):
        needed = format_bytes(count * math.prod(data.shape))
        raise BadInput(
            f"--extra {path} is compressed, so that its {count:,} images would be kept in memory, {needed}, more than "
            "there is for images; write it anew by numpy.savez, whose archives are read where they lie, or give a "
            "larger --data-memory"
        )


def _state(path: Path) -> tuple[int, int]:
    """Size of a file in bytes, and when it was changed, in nanoseconds. BadInput if it is gone."""
    try:
        found = path.stat()
    except OSError as error:
        raise BadInput(f"--extra {path} cannot be read ({error.strerror}); every host needs it at this path") from error
    return found.st_size, found.st_mtime_ns
