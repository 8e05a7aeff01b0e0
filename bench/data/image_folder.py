"""Image folders: ROOT/{train,test}/<class>/ with images of one size, also in folders below."""

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.plan import Budget, Plan
from bench.core.threat import Linf
from bench.data.dataset import Dataset, Shape, Source, check_memory
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

MAX_CLASSES_SHOWN = 10  # most names of classes in a message
STATISTICS_SAMPLE = 2000  # training images from which mean and std are estimated


def folder_dataset(root: Path) -> Dataset:
    """Make a data set of an image folder: shape of the first image, mean and std of up to STATISTICS_SAMPLE images.

    BadInput if it has fewer than two classes or its images cannot be used.
    """
    classes = tuple(names(root / "train", folders=True))
    if len(classes) < 2:
        raise BadInput(f"{root / 'train'} holds {len(classes)} class folders; at least 2 are needed ({LAYOUT})")
    paths, _ = list_files(root, "train", classes)
    with refuse_huge_images():
        first = decode(paths[0])
    shape = (CHANNELS[first.mode], first.height, first.width)
    read = partial(read_folder, root, classes, shape)
    source = read("train", root)
    chosen = source.order("train")[:STATISTICS_SAMPLE]
    check_memory(len(chosen), shape, f"images of {root}, the first to be looked at,", "smaller images are needed")
    pixels = source.pixels(chosen)
    content = hashlib.sha256(pixels.tobytes()).hexdigest()[:6]  # two folders may share a name
    spread = [
        (float(channel.mean()), float(channel.std())) for channel in (pixels[:, c] / 255 for c in range(shape[0]))
    ]
    size = min(shape[1:])
    return Dataset(
        name=f"folder-{re.sub(r'[^A-Za-z0-9+.-]+', '-', root.resolve().name)[:80]}-{content}",
        classes=classes,
        shape=shape,
        mean=tuple(round(mean, 4) for mean, _ in spread),
        std=tuple(round(max(std, 1 / 255), 4) for _, std in spread),  # a constant channel has std 0
        threat=Linf(8 / 255),
        model="cnn" if size < 16 else "resnet8",
        model_cuda="cnn" if size < 16 else "resnet18",
        pad=size // 8,
        flip=False,
        quick=Budget(Plan(epochs=10), train=5000, test=256),
        standard=Budget(Plan(epochs=30)),
        read=read,
    )


def read_folder(root: Path, classes: tuple[str, ...], shape: Shape, split: str, data_dir: Path) -> Source:
    """Find the images of one split in ROOT/split; they are decoded when they are used."""
    paths, y = list_files(root, split, classes)
    return source_of(paths, y, shape, to_pixels)


def source_of(
    paths: list[str], y: NDArray[np.int64], shape: Shape, read: Callable[[str, Shape], NDArray[np.uint8]]
) -> Source:
    """Make a source of image files with labels (N,). read: reads one file as (C, H, W)."""

    def pixels(chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
        x = np.empty((len(chosen), *shape), np.uint8)

        def fill(part: NDArray[np.int64]) -> None:
            for i in part:
                x[i] = read(paths[chosen[i]], shape)

        # Pillow decodes without the interpreter lock, but for tiny images threads are 1.5 times slower, waiting for it
        threads = 1 if shape[1] * shape[2] <= 32 * 32 else None
        with refuse_huge_images(), ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, np.array_split(np.arange(len(chosen)), 64)))
        return x

    return Source(y, pixels, ordered=False)


def list_files(root: Path, split: str, classes: tuple[str, ...]) -> tuple[list[str], NDArray[np.int64]]:
    """List the image files of a split sorted by class and name, with labels (N,); BadInput if classes differ."""
    found = names(root / split, folders=True)
    if wrong := sorted(set(found) ^ set(classes)):
        state = "is not a class of this data set" if wrong[0] in found else "is missing"
        more = f" and {len(classes) - MAX_CLASSES_SHOWN} more" if len(classes) > MAX_CLASSES_SHOWN else ""
        wanted = f"{', '.join(classes[:MAX_CLASSES_SHOWN])}{more}"
        raise BadInput(f"class folder {root / split / wrong[0]} {state}; wanted: {wanted}")
    if loose := [name for name in names(root / split, folders=False) if name.lower().endswith(SUFFIXES)]:
        place = root / split
        warn_once(
            f"left out {format_count(len(loose), 'image')} in no class folder of {place}, such as {place / loose[0]}"
        )
    files = images_of([root / split / name for name in classes])
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
