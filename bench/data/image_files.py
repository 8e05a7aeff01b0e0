"""Finds and decodes image files."""

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
from bench.core.parsing import format_count

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # those of torchvision
LAYOUT = (
    "an image folder holds {train,test}/<class>/ with *.png, *.jpg, ..., also in folders below; "
    "a test set alone holds test/<class>/ or <class>/"
)
CHANNELS = {"1": 1, "L": 1, "LA": 1, "P": 3, "PA": 3, "RGB": 3, "RGBA": 3, "CMYK": 3, "YCbCr": 3}  # by Pillow's mode

log = logging.getLogger("bench")


def images_of(folders: Sequence[Path]) -> list[list[str]]:
    """List the image files in and below each folder, as text, which is faster than a million `Path`s.

    A folder's own files come first, sorted by name, then those of its subfolders. Files whose suffix is no image's are
    left out with a warning. BadInput if a folder has no image or cannot be read.
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
        counted = format_count(len(left_out), "file")
        warn_once(f"left out {counted} without an image's name ({listed}), such as {left_out[0]}; {ending}")
    return found


def _walk(folder: str, above: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The images in and below a folder, and the other files. above: resolved paths of the folders above it."""
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
    """Sorted names of the subfolders or (folders=False) files of a folder, without hidden ones."""
    return [entry.name for entry in _entries(str(folder)) if entry.is_dir() == folders]


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """The entries of a folder sorted by name, without hidden ones; BadInput if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput(f"cannot list {folder} ({error.strerror}); {LAYOUT}") from None


@lru_cache(1024)
def warn_once(message: str) -> None:
    """Warn on stderr, once per process, as several requests may read a split."""
    log.warning("%s", message)


@contextmanager
def refuse_huge_images() -> Iterator[None]:
    """Inside the block, `decode` refuses images that are so large that Pillow warns of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(path: str, size: tuple[int, int] | None = None) -> Image.Image:
    """Read an 8-bit image; BadInput if it is damaged. size: the required width and height, checked before decoding."""
    try:
        with Image.open(path) as image:
            _check(path, image, size)
            image.load()
    except BadInput:
        raise
    except Exception as error:  # Pillow raises many types of errors for damaged files
        raise BadInput(f"cannot read the image {path} ({error}); replace or remove it") from None
    return image


def _check(path: str, image: ImageFile.ImageFile, size: tuple[int, int] | None) -> None:
    """BadInput if an opened image has not 8 bits per channel or this size; checked before it is decoded."""
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
    """Convert to mode L or RGB; transparency is ignored, as torchvision does."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # converted directly to RGB, Pillow would warn
    return image if image.mode == mode else image.convert(mode)
