"""Reads stored adversarial images (`--save-adv`) with their clean images and differences."""

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.parsing import printable
from bench.report.site.pictures import to_pixels
from bench.report.site.sources import SiteSources

MAX_IMAGES = 8  # most images of one attack
FORMS = ("int8", "int16", "raw")  # of the arrays in a file, see results/README.md


@dataclass(frozen=True)
class StoredExample:
    """One image. Pictures are (C, H, W); None if they need the clean image and that is not available."""

    place: int  # in the test set
    true_class: str
    clean: NDArray[np.uint8] | None
    attacked: NDArray[np.uint8] | None
    difference: NDArray[np.uint8] | None
    largest: float  # largest change of a pixel, in [0, 1] units
    predicted: str = ""  # class that the model predicts for the adversarial image; empty if the file does not say


@dataclass(frozen=True)
class StoredImages:
    """The first images of one file. fault: why they could not be read."""

    examples: tuple[StoredExample, ...] = ()
    magnified: float = 1.0  # factor by which differences are magnified
    total: int = 0
    fault: str = ""


def read_images(path: Path, dataset: str, eps: float, sources: SiteSources) -> StoredImages:
    """Read the first images of a file. eps: change that is shown as half the range of grey; inf: the largest change."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            found = _first(arrays)
            total = sum(len(arrays[f"{form}_ids"]) for form in FORMS if f"{form}_ids" in arrays)
            numbers = _predicted_classes(arrays)
        changes = {place: _change(form, code, unit) for place, form, code, unit in found}
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile) as error:
        return StoredImages(fault=f"{path.name} cannot be read: {printable(error, 100)}")
    tests = sources.test_images(dataset, [*changes])
    clean = dict(zip(changes, tests.pixels if tests else [None] * len(changes), strict=True))
    classes = dict(zip(changes, tests.classes if tests else [""] * len(changes), strict=True))
    raw = {place: code for place, form, code, _ in found if form == "raw"}
    whole = {place: _difference(change, clean[place], raw.get(place)) for place, change in changes.items()}
    known = [float(np.abs(change).max()) for change in whole.values() if change is not None]
    half = eps if np.isfinite(eps) and eps > 0 else max(known, default=0.5) or 0.5
    examples = [_example(place, classes[place], clean[place], whole[place], raw.get(place), half) for place in changes]
    names = tests.all_classes if tests else ()
    examples = [replace(one, predicted=_class_name(numbers.get(one.place, -1), names)) for one in examples]
    return StoredImages(tuple(examples), 0.5 / half, total)


def _first(arrays: Any) -> list[tuple[int, str, NDArray[Any], float]]:
    """Place, form, code and unit of the images that are first in the test set."""
    found = []
    for form in FORMS:
        if f"{form}_ids" in arrays:
            ids, codes, units = (arrays[f"{form}_{name}"] for name in ("ids", "codes", "units"))
            if codes.ndim != 4 or not len(ids) == len(codes) == len(units):
                raise ValueError("ids, images and steps do not belong together")
            chosen = np.argsort(ids, kind="stable")[:MAX_IMAGES]
            found += [(int(ids[i]), form, codes[i], float(units[i])) for i in chosen]
    return sorted(found, key=lambda one: one[0])[:MAX_IMAGES]


def _predicted_classes(arrays: Any) -> dict[int, int]:
    """The number of the class that the model predicts for each adversarial image, by place, where it is stored."""
    found: dict[int, int] = {}
    for form in FORMS:
        if f"{form}_predicted" in arrays:
            found |= dict(zip(arrays[f"{form}_ids"].tolist(), arrays[f"{form}_predicted"].tolist(), strict=True))
    return found


def _class_name(number: int, names: Sequence[str]) -> str:
    """The name of a class, or its number where the names are not available; empty for -1, which is no class."""
    if number < 0:
        return ""
    return names[number] if number < len(names) else f"class {number}"


def _change(form: str, code: NDArray[Any], unit: float) -> NDArray[Any] | None:
    """The difference to the clean image; None if the file has the image itself."""
    return None if form == "raw" else code.astype(np.float64) * unit


def _difference(
    change: NDArray[Any] | None, clean: NDArray[np.uint8] | None, raw: NDArray[Any] | None
) -> NDArray[Any] | None:
    if change is not None or clean is None or raw is None:
        return change
    return np.asarray(raw - clean / 255)


def _example(
    place: int,
    true_class: str,
    clean: NDArray[np.uint8] | None,
    change: NDArray[Any] | None,
    raw: NDArray[Any] | None,
    half: float,
) -> StoredExample:
    attacked = raw if raw is not None or clean is None or change is None else clean / 255 + change
    return StoredExample(
        place,
        true_class,
        clean,
        None if attacked is None else to_pixels(attacked),
        None if change is None else to_pixels(0.5 + change * 0.5 / half),
        0.0 if change is None else float(np.abs(change).max()),
    )


def attacks_with_images(folder: Path, keys: Iterable[str]) -> dict[str, Path]:
    """The existing files of adversarial images of some rows, by key."""
    paths = {key: folder / f"adversarial-{key}.npz" for key in keys}
    return {key: path for key, path in paths.items() if path.is_file()}
