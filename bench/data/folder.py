"""Image folders: ROOT/{train,test}/<class>/*.png|jpg|jpeg, all images of one size."""

import hashlib
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.data.dataset import Dataset, Shape, Source
from bench.errors import BadInput
from bench.plan import Budget, Plan
from bench.threat import Linf

SUFFIXES = (".png", ".jpg", ".jpeg")
LAYOUT = "an image folder holds {train,test}/<class>/*.png|jpg|jpeg"
CHANNELS = {"1": 1, "L": 1, "LA": 1, "P": 3, "PA": 3, "RGB": 3, "RGBA": 3, "CMYK": 3, "YCbCr": 3}  # by Pillow's mode
SAMPLE = 2000  # training images from which mean and std are estimated


def folder_dataset(root: Path) -> Dataset:
    """The data set in a folder; its shape is that of the first image, its statistics those of up to 2,000 images."""
    classes = tuple(names(root / "train", folders=True))
    if len(classes) < 2:
        raise BadInput(f"{root / 'train'} holds {len(classes)} class folders; at least 2 are needed ({LAYOUT})")
    paths, _ = listing(root, "train", classes)
    first = decode(paths[0])
    shape = (CHANNELS[first.mode], first.height, first.width)
    read = partial(read_folder, root, classes, shape)
    source = read("train", root)
    pixels = source.pixels(source.order("train")[:SAMPLE])
    # two folders may share a name
    content, sample = hashlib.sha256(pixels.tobytes()).hexdigest()[:6], pixels / 255
    size = min(shape[1:])
    return Dataset(
        name=f"folder-{re.sub(r'[^A-Za-z0-9+.-]+', '-', root.resolve().name)}-{content}",
        classes=classes,
        shape=shape,
        mean=tuple(float(m) for m in sample.mean((0, 2, 3)).round(4)),
        std=tuple(float(s) for s in sample.std((0, 2, 3)).clip(1 / 255).round(4)),  # a flat channel has no spread
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
        with ThreadPoolExecutor(1 if shape[1] * shape[2] <= 32 * 32 else None) as pool:
            list(pool.map(fill, np.array_split(np.arange(len(chosen)), 64)))
        return x

    return Source(y, pixels, ordered=False)


def listing(root: Path, split: str, classes: tuple[str, ...]) -> tuple[list[str], NDArray[np.int64]]:
    """The files of a split by class and name, and their labels (N,)."""
    found = names(root / split, folders=True)
    if wrong := sorted(set(found) ^ set(classes)):
        state = "is not a class of this data set" if wrong[0] in found else "is missing"
        raise BadInput(f"class folder {root / split / wrong[0]} {state}; wanted: {', '.join(classes)}")
    files = [images_in(root / split / name) for name in classes]
    labels = np.repeat(np.arange(len(classes)), [len(paths) for paths in files])
    return [path for paths in files for path in paths], labels


def images_in(folder: Path) -> list[str]:
    """The image files of a folder by name, as text: a million paths take seconds. BadInput where there is none."""
    files = [os.path.join(folder, file) for file in names(folder, folders=False) if file.lower().endswith(SUFFIXES)]
    if not files:
        raise BadInput(f"no image in {folder}; {LAYOUT}")
    return files


def names(folder: Path, *, folders: bool) -> list[str]:
    """The sorted names of what a folder holds, hidden ones left out."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir() == folders and not e.name.startswith("."))
    except OSError as error:
        raise BadInput(f"cannot list {folder} ({error.strerror}); {LAYOUT}") from None


def decode(path: str) -> Image.Image:
    """An 8-bit image in memory."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(f"cannot read the image {path} ({error}); replace or remove it") from None
    if image.mode not in CHANNELS:
        raise BadInput(f"{path} has pixels of type {image.mode}; save it with 8 bits a channel")
    return image


def to_pixels(path: str, shape: Shape) -> NDArray[np.uint8]:
    """The pixels (C, H, W) of a file; a grey image may stand among coloured ones, not the other way round."""
    image = decode(path)
    channels, height, width = shape
    if image.size != (width, height):
        raise BadInput(f"{path} is {image.width}x{image.height} pixels; all images here must be {width}x{height}")
    if CHANNELS[image.mode] > channels:
        raise BadInput(f"{path} is in colour, but the first image is grey; save all of them in one mode")
    mode = "L" if channels == 1 else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)
