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
from bench.core.plan import Budget, Plan
from bench.core.threat import Linf
from bench.data.dataset import Dataset, Shape, Source, check_memory
from bench.data.image_files import (
    CHANNELS,
    LAYOUT,
    SUFFIXES,
    convert_mode,
    decode,
    huge_images_refused,
    images_of,
    names,
    warn_once,
)

MOST = 10  # names of classes in a message
SAMPLE = 2000  # training images from which mean and std are estimated


def folder_dataset(root: Path) -> Dataset:
    """The data set in a folder; its shape is that of the first image, its statistics those of up to 2,000 images."""
    classes = tuple(names(root / "train", folders=True))
    if len(classes) < 2:
        raise BadInput(f"{root / 'train'} holds {len(classes)} class folders; at least 2 are needed ({LAYOUT})")
    paths, _ = listing(root, "train", classes)
    with huge_images_refused():
        first = decode(paths[0])
    shape = (CHANNELS[first.mode], first.height, first.width)
    read = partial(read_folder, root, classes, shape)
    source = read("train", root)
    chosen = source.order("train")[:SAMPLE]
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
        std=tuple(round(max(std, 1 / 255), 4) for _, std in spread),  # a flat channel has no spread
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
    """One split of an image folder, which is the folder of that name in it. Only the images asked for are decoded."""
    paths, y = listing(root, split, classes)
    return source_of(paths, y, shape, to_pixels)


def source_of(
    paths: list[str], y: NDArray[np.int64], shape: Shape, read: Callable[[str, Shape], NDArray[np.uint8]]
) -> Source:
    """Image files with labels (N,), each read, as (C, H, W), when it is asked for."""

    def pixels(chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
        x = np.empty((len(chosen), *shape), np.uint8)

        def fill(part: NDArray[np.int64]) -> None:
            for i in part:
                x[i] = read(paths[chosen[i]], shape)

        # Pillow decodes without the interpreter's lock, but on tiny images threads mostly wait for it: 1.5 times slower
        threads = 1 if shape[1] * shape[2] <= 32 * 32 else None
        with huge_images_refused(), ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, np.array_split(np.arange(len(chosen)), 64)))
        return x

    return Source(y, pixels, ordered=False)


def listing(root: Path, split: str, classes: tuple[str, ...]) -> tuple[list[str], NDArray[np.int64]]:
    """The files of a split by class and name, and their labels (N,)."""
    found = names(root / split, folders=True)
    if wrong := sorted(set(found) ^ set(classes)):
        state = "is not a class of this data set" if wrong[0] in found else "is missing"
        more = f" and {len(classes) - MOST} more" if len(classes) > MOST else ""
        wanted = f"{', '.join(classes[:MOST])}{more}"
        raise BadInput(f"class folder {root / split / wrong[0]} {state}; wanted: {wanted}")
    if loose := [name for name in names(root / split, folders=False) if name.lower().endswith(SUFFIXES)]:
        place = root / split
        warn_once(f"left out {len(loose)} images that are in no class folder of {place}, such as {place / loose[0]}")
    files = images_of([root / split / name for name in classes])
    labels = np.repeat(np.arange(len(classes)), [len(paths) for paths in files])
    return [path for paths in files for path in paths], labels


def to_pixels(path: str, shape: Shape) -> NDArray[np.uint8]:
    """The pixels (C, H, W) of a file; a grey image may stand among coloured ones, not the other way round."""
    channels, height, width = shape
    image = decode(path, (width, height))
    if CHANNELS[image.mode] > channels:
        raise BadInput(f"{path} is in colour, but the first image is grey; save all of them in one mode")
    pixels = np.asarray(convert_mode(image, "L" if channels == 1 else "RGB"))
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)
