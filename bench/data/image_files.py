"""Image files: which there are in a folder, and what is in one."""

import logging
import os
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageFile

from bench.core.errors import BadInput

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # those of torchvision
LAYOUT = "an image folder holds {train,test}/<class>/ with *.png, *.jpg, ..., also in folders below"
CHANNELS = {"1": 1, "L": 1, "LA": 1, "P": 3, "PA": 3, "RGB": 3, "RGBA": 3, "CMYK": 3, "YCbCr": 3}  # by Pillow's mode

log = logging.getLogger("bench")


def images_of(folders: Sequence[Path]) -> list[list[str]]:
    """The image files of each folder and of those below it, as text: a million paths take seconds.

    A folder's own files come first, by name, then those of the folders in it. What is no image by its name is left out,
    and a line on stderr says so. BadInput where a folder has no image, or one that cannot be read.
    """
    found, left_out = list[list[str]](), list[str]()
    for folder in folders:
        files, others = _walk(str(folder), ())
        if not files:
            raise BadInput(f"no image in {folder}; {LAYOUT}")
        found.append(files)
        left_out += others
    if left_out:
        kinds = Counter(os.path.splitext(path)[1].lower() or "no suffix" for path in left_out)
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
        ending = f"images end in {', '.join(SUFFIXES)}"
        warn_once(f"left out {len(left_out)} files that are no images ({listed}), such as {left_out[0]}; {ending}")
    return found


def _walk(folder: str, above: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The images in and below a folder, and the other files. above: the real paths of the folders that it is in."""
    place = os.path.realpath(folder)
    if any(f"{upper}{os.sep}".startswith(f"{place}{os.sep}") for upper in above):
        raise BadInput(f"{folder} is a link to a folder that it lies in, so its images have no end; remove the link")
    files, others, folders = list[str](), list[str](), list[str]()
    for entry in _entries(folder):
        if entry.is_dir():
            folders.append(entry.path)
        elif not entry.name.lower().endswith(SUFFIXES):
            others.append(entry.path)
        elif entry.is_file():
            files.append(entry.path)
        else:
            raise BadInput(f"{entry.path} is a link to nothing, a pipe or a device, and no image; remove it")
    for name in folders:
        more, less = _walk(name, (*above, place))
        files += more
        others += less
    return files, others


def names(folder: Path, *, folders: bool) -> list[str]:
    """The sorted names of what a folder holds, hidden ones left out."""
    return [entry.name for entry in _entries(str(folder)) if entry.is_dir() == folders]


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder, sorted by name, hidden things left out."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput(f"cannot list {folder} ({error.strerror}); {LAYOUT}") from None


@lru_cache(1024)
def warn_once(message: str) -> None:
    """On stderr, once a process, as a split is read by several requests."""
    log.warning("%s", message)


@contextmanager
def huge_images_refused() -> Iterator[None]:
    """Inside the block, an image of so many pixels that Pillow warns of it is an error of `decode`."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(path: str, size: tuple[int, int] | None = None) -> Image.Image:
    """An 8-bit image in memory. size: width and height that it must have, checked before it is decoded."""
    try:
        with Image.open(path) as image:
            _check(path, image, size)
            image.load()
    except BadInput:
        raise
    except Exception as error:  # Pillow's readers raise what they like at damaged files
        raise BadInput(f"cannot read the image {path} ({error}); replace or remove it") from None
    return image


def _check(path: str, image: ImageFile.ImageFile, size: tuple[int, int] | None) -> None:
    """BadInput where an image that is open, and not decoded yet, is not one of 8 bits a channel and of this size."""
    if size and image.size != size:
        found, wanted = (f"{width}x{height}" for width, height in (image.size, size))
        raise BadInput(f"{path} is {found} pixels; all images here must be {wanted}")
    if image.mode not in CHANNELS:
        raise BadInput(f"{path} has pixels of type {image.mode}; save it with 8 bits a channel")
    if any(";16" in str(tile[-1]) for tile in image.tile):
        raise BadInput(f"{path} has 16 bits a channel; save it with 8, as half of them would be lost")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # cameras put a preview beside a JPEG in this way
        raise BadInput(f"{path} holds {frames} pictures; save each in a file of its own")


def convert_mode(image: Image.Image, mode: str) -> Image.Image:
    """In mode L or RGB; what is transparent is drawn as if it were not, as torchvision does."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns of going to RGB at once
    return image if image.mode == mode else image.convert(mode)
