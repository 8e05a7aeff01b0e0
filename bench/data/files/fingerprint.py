"""Fingerprints of images in files, which are part of the names of runs and of the keys of rows.

Images of up to LARGEST_BY_PIXELS bytes have the fingerprint of all their pixels, whether they are kept in memory or
not. They are all decoded to compute it, so it is stored in a file, where later commands find it as long as no image
changes. More images are known by the names and sizes of their files, their labels, and the pixels of SAMPLE_SIZE of
them, so that a command on all of ImageNet starts without decoding it. The memory that there is changes no fingerprint.
"""

import hashlib
import logging
import math
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL
from numpy.typing import NDArray

from bench.core.files import write_bytes
from bench.data.image_files import warn_once

if TYPE_CHECKING:
    from bench.data.files.file_pixels import FilePixels

LARGEST_BY_PIXELS = 4 * 2**30
SAMPLE_SIZE = 64
DIGITS = 16  # hexadecimal
FOLDER = ".fingerprints"  # in --data-dir
WORTH_A_LINE = 1000  # images; reading fewer takes seconds

log = logging.getLogger("bench")


def is_large(shape: tuple[int, ...]) -> bool:
    """Whether images (N, C, H, W) are too many to be known by all of their pixels."""
    return math.prod(shape) > LARGEST_BY_PIXELS


def fingerprint_of(head: object, arrays: Iterable[NDArray[Any]]) -> str:
    """DIGITS hexadecimal digits that change with `head`, a value with a repr, and with the bytes of any array."""
    digest = hashlib.sha256(repr(head).encode())
    for array in arrays:
        digest.update(array.data)
    return digest.hexdigest()[:DIGITS]


def fingerprint_of_files(x: "FilePixels", y: NDArray[np.int64]) -> str:
    """The fingerprint of images x (N, C, H, W) in files with labels y (N,)."""
    key = x.start, len(x), hashlib.sha256(y.data).digest()
    if key not in x.fingerprints:
        x.fingerprints[key] = _by_names(x, y) if is_large(x.shape) else _by_pixels(x, y)
    return x.fingerprints[key]


def _by_names(x: "FilePixels", y: NDArray[np.int64]) -> str:
    sample = x[np.unique(np.linspace(0, len(x) - 1, SAMPLE_SIZE).astype(np.int64)).tolist()]
    sizes = np.ascontiguousarray(x.states[:, 0])
    return fingerprint_of(("files", x.shape, y.shape), [_names(x), sizes, y, sample.cpu().numpy()])


def _by_pixels(x: "FilePixels", y: NDArray[np.int64]) -> str:
    """The fingerprint of all pixels: the stored one, if no file has changed since, else it is computed and stored."""
    read = f"{x.files.read.__module__}.{x.files.read.__qualname__}"
    what = x.shape, y.shape, os.path.realpath(x.files.root), read, PIL.__version__
    path = x.store / fingerprint_of(what, [_names(x), np.ascontiguousarray(x.states), y]) if x.store else None

    def compute() -> str:
        if len(x) >= WORTH_A_LINE:
            later = f", which later commands find in {path.parent}" if path else ""
            warn_once(f"decoding {len(x):,} images of {x.files.root} to compute their fingerprint{later}")
        return fingerprint_of((x.shape, y.shape), chain(x.each(), [y]))

    return stored_fingerprint(path, compute)


def stored_fingerprint(path: Path | None, compute: Callable[[], str]) -> str:
    """The fingerprint that is stored in a file; if there is none, it is computed and stored. path: None stores none."""
    if path is not None:
        with suppress(OSError, UnicodeDecodeError):
            if re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", found := path.read_text(encoding="ascii")):
                return found
    found = compute()
    if path is not None:
        try:
            write_bytes(path, found.encode())
        except OSError as error:
            warn_once(f"fingerprints cannot be stored in {path.parent} ({error.strerror}), so each command decodes all")
    return found


def _names(x: "FilePixels") -> NDArray[np.uint8]:
    """The paths of the files below their root, as bytes."""
    start = len(x.files.root)
    names = "\0".join(x.files.paths[i][start:] for i in x.chosen).replace(os.sep, "/")
    return np.frombuffer(os.fsencode(names), np.uint8)
