"""Image folders: ROOT/{train,test}/<class>/ with images of one size, also in folders below.

A folder without train/ is a test set: its images are in ROOT/test/<class>/ or, if there is no test/, in ROOT/<class>/.
"""

import hashlib
import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import Dataset, Source
from bench.data.files.image_list import ImageList, Shape
from bench.data.image_files import (
    CHANNELS,
    LAYOUT,
    SUFFIXES,
    convert_mode,
    decode,
    images_of,
    names,
    refuse_huge_images,
    warn_once,
)
from bench.data.memory import check_memory

MAX_CLASSES_SHOWN = 10  # most names of classes in a message
STATISTICS_SAMPLE = 2000  # training images from which mean and std are estimated
READ_TOGETHER = 32  # images of them
SPLIT_NAMES = ("train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval")  # no class's names


def folder_dataset(root: Path) -> Dataset:
    """Make a data set of an image folder: shape of the first image, mean and std of up to STATISTICS_SAMPLE images.

    These are training images, or test images where there are no others. BadInput if it has fewer than two classes or
    its images cannot be used.
    """
    test_only = not (root / "train").is_dir()
    place = root / "train" if not test_only else test_folder(root)
    classes = tuple(names(place, folders=True))
    if len(classes) < 2:
        raise BadInput(f"{place} holds {len(classes)} class folders; at least 2 are needed ({LAYOUT})")
    paths, _ = list_files(place, classes)
    with refuse_huge_images():
        first = decode(paths[0])
    shape = (CHANNELS[first.mode], first.height, first.width)
    check_memory(READ_TOGETHER, shape, f"images of {root}, the first to be looked at,", "smaller images are needed")
    content, mean, std = look_at_pixels(read_classes(place, classes, shape))
    size = min(shape[1:])
    return Dataset(
        name=f"folder-{re.sub(r'[^A-Za-z0-9+.-]+', '-', root.resolve().name)[:80]}-{content}",
        classes=classes,
        shape=shape,
        mean=mean,
        std=std,
        threat=Linf(8 / 255),
        model="cnn" if size < 16 else "resnet8",
        model_cuda="cnn" if size < 16 else "resnet18",
        pad=size // 8,
        flip=False,
        quick=Budget(Plan(epochs=10), train=5000, test=256),
        standard=Budget(Plan(epochs=30)),
        read=partial(read_test_set, place, classes, shape) if test_only else partial(read_folder, root, classes, shape),
        test_only=test_only,
    )


def test_folder(root: Path) -> Path:
    """The folder of the class folders of a test set: ROOT/test, or ROOT itself; BadInput if it has other splits."""
    if (root / "test").is_dir():
        return root / "test"
    if splits := [name for name in names(root, folders=True) if name.lower() in SPLIT_NAMES]:
        raise BadInput(f"{root} holds {', '.join(splits)}, and neither train nor test; {LAYOUT}")
    return root


def look_at_pixels(source: Source) -> tuple[str, tuple[float, ...], tuple[float, ...]]:
    """Six hexadecimal digits, mean and std per channel of up to STATISTICS_SAMPLE images, read a few at a time."""
    chosen = source.order("train")[:STATISTICS_SAMPLE]
    content, total, squares, count = hashlib.sha256(), np.zeros(1, np.int64), np.zeros(1, np.int64), 0
    for part in np.array_split(chosen, -(-len(chosen) // READ_TOGETHER)):
        pixels = source.pixels(part)
        content.update(pixels.data)
        wide = pixels.transpose(1, 0, 2, 3).reshape(pixels.shape[1], -1).astype(np.int64)
        total, squares, count = total + wide.sum(1), squares + (wide**2).sum(1), count + wide.shape[1]
    means = [int(t) / count / 255 for t in total]
    deviations = [math.sqrt(count * int(s) - int(t) ** 2) / count / 255 for t, s in zip(total, squares, strict=True)]
    std = tuple(round(max(deviation, 1 / 255), 4) for deviation in deviations)  # a constant channel has std 0
    return content.hexdigest()[:6], tuple(round(mean, 4) for mean in means), std


def read_folder(root: Path, classes: tuple[str, ...], shape: Shape, split: str, data_dir: Path) -> Source:
    """Find the images of one split in ROOT/split; they are decoded when they are used."""
    return read_classes(root / split, classes, shape)


def read_test_set(place: Path, classes: tuple[str, ...], shape: Shape, split: str, data_dir: Path) -> Source:
    """Find the images of a set that has only one split, in PLACE/<class>/."""
    return read_classes(place, classes, shape)


def read_classes(folder: Path, classes: tuple[str, ...], shape: Shape) -> Source:
    """Find the images in FOLDER/<class>/; they are decoded when they are used."""
    paths, y = list_files(folder, classes)
    return source_of(folder, paths, y, shape, to_pixels)


def source_of(
    root: Path,
    paths: list[str],
    y: NDArray[np.int64],
    shape: Shape,
    read: Callable[[str, Shape], NDArray[np.uint8]],
) -> Source:
    """Make a source of image files below a folder, with labels (N,). read: reads one file as (C, H, W)."""
    files = ImageList(paths, shape, read, str(root))
    return Source(y, files.pixels, ordered=False, files=files)


def list_files(folder: Path, classes: tuple[str, ...]) -> tuple[list[str], NDArray[np.int64]]:
    """List the image files in the folders of the classes, by class and name, with labels (N,).

    BadInput if the folder has not exactly the classes.
    """
    found = names(folder, folders=True)
    if wrong := sorted(set(found) ^ set(classes)):
        state = "is not a class of this data set" if wrong[0] in found else "is missing"
        more = f" and {len(classes) - MAX_CLASSES_SHOWN} more" if len(classes) > MAX_CLASSES_SHOWN else ""
        wanted = f"{', '.join(classes[:MAX_CLASSES_SHOWN])}{more}"
        raise BadInput(f"class folder {folder / wrong[0]} {state}; wanted: {wanted}")
    if loose := [name for name in names(folder, folders=False) if name.lower().endswith(SUFFIXES)]:
        warn_once(
            f"left out {format_count(len(loose), 'image')} in no class folder of {folder}, such as {folder / loose[0]}"
        )
    files = images_of([folder / name for name in classes])
    labels = np.repeat(np.arange(len(classes)), [len(paths) for paths in files])
    return [path for paths in files for path in paths], labels


def to_pixels(path: str, shape: Shape) -> NDArray[np.uint8]:
    """Read the pixels (C, H, W) of a file. Grey images are converted to RGB; BadInput for colour in a grey data set."""
    channels, height, width = shape
    image = decode(path, (width, height))
    if CHANNELS[image.mode] > channels:
        raise BadInput(f"{path} is in colour, but the first image is grey; save all of them in one mode")
    pixels = np.asarray(convert_mode(image, "L" if channels == 1 else "RGB"))
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)
