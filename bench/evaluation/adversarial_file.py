"""Files of adversarial images, which say what they belong to and have a digest of their contents."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.core.files import parse_json, write_atomically
from bench.core.parsing import format_count, printable
from bench.evaluation.adversarial_set import (
    QUANTISATION_STEPS,
    RAW_FORM,
    UNKNOWN_CLASS,
    AdversarialSet,
    EncodedImages,
)

Metadata = dict[str, Any]


def write_adversarial_set(path: Path, images: AdversarialSet, about: Metadata) -> None:
    """Write an .npz file. about: model, attack and images that the set belongs to, as JSON values."""
    arrays = {f"{form}_{name}": a for form, part in images.stored.items() for name, a in vars(part).items()}
    text = json.dumps(about | {"reached": images.reached}, sort_keys=True)
    content: dict[str, Any] = arrays | {"about": np.array(text), "digest": np.array(_digest(text, arrays))}
    write_atomically(path, lambda file: np.savez_compressed(file, **content))


def read_adversarial_set(path: Path) -> tuple[AdversarialSet, Metadata]:
    """Read a file of `write_adversarial_set`: the set and its metadata. BadInput where it is damaged or was changed."""
    remedy = "delete it and run again with --save-adv"
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            content = {name: arrays[name] for name in arrays.files}
        text, digest = str(content.pop("about")), str(content.pop("digest"))
        about = parse_json(text)
    except Exception as error:  # numpy, zipfile and zlib raise half a dozen types
        raise BadInput(
            f"{path} cannot be read as adversarial images ({printable(error, 100) or type(error).__name__}); {remedy}"
        ) from error
    try:
        if digest != _digest(text, content):
            raise BadInput(f"{path} was changed after it was written: its contents have another digest; {remedy}")
        return AdversarialSet(_decode_arrays(content), _read_reached(about)), about
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} is no file of --save-adv ({printable(error, 100)}); {remedy}") from error


def _read_reached(about: Any) -> int:
    """How many images were attacked, as the file says. Raises ValueError if it says no such number."""
    reached = about["reached"]
    if type(reached) is not int or reached < 0:
        raise ValueError("it does not say how many images were attacked")
    return reached


def _decode_arrays(content: Mapping[str, NDArray[Any]]) -> dict[str, EncodedImages]:
    """The images by number format. ValueError or KeyError where the arrays are not those of stored images."""
    stored = {}
    for form in dict.fromkeys(name.split("_")[0] for name in content):
        ids, codes, units = (content[f"{form}_{name}"] for name in ("ids", "codes", "units"))
        kind = "f" if form == RAW_FORM else "i"
        if (
            form not in (*QUANTISATION_STEPS, RAW_FORM)
            or codes.dtype.kind != kind
            or (kind == "i" and codes.dtype != form)
        ):
            raise ValueError(f"images in the format {form}, {codes.dtype}")
        if ids.dtype != np.int64 or units.dtype != np.float32 or codes.ndim != 4 or (ids < 0).any():
            raise ValueError(f"images of shape {codes.shape}, ids {ids.dtype}, steps {units.dtype}")
        if not ids.shape == units.shape == codes.shape[:1]:
            raise ValueError(f"{format_count(codes.shape[0], 'image')}, {ids.shape} ids and {units.shape} steps")
        predicted = content.get(f"{form}_predicted", np.full(len(ids), UNKNOWN_CLASS, np.int32))
        if predicted.dtype != np.int32 or predicted.shape != ids.shape or (predicted < UNKNOWN_CLASS).any():
            raise ValueError(f"predictions {predicted.dtype} of shape {predicted.shape}")
        stored[form] = EncodedImages(ids, codes, units, predicted)
    return stored


def _digest(text: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(repr((name, arrays[name].shape, str(arrays[name].dtype))).encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()
