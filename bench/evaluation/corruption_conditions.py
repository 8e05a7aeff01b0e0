"""Conditions of the corruptions that a user names: on the published images where they are on disk, else generated."""

import json
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from bench.core.errors import BadInput, UnknownName
from bench.core.registration.suggestion import suggestion
from bench.corruptions.apply import SETS, corrupted, members
from bench.corruptions.calibrated_ranges import Ranges
from bench.corruptions.corruption import CORRUPTIONS, parameters, refusal, table_size
from bench.corruptions.frost_images import find_frost_images
from bench.data.dataset import Dataset
from bench.data.image_files import warn_once
from bench.data.images import Images
from bench.data.published_corruptions import (
    PublishedCorruption,
    find_in_file_set,
    find_official,
    official_folder,
)
from bench.data.published_sets import FILE_SETS, datasets_with, file_members, file_set_of
from bench.evaluation.conditions.corruption import Corrupted

log = logging.getLogger("bench")


def resolve_names(texts: Sequence[str], dataset: Dataset) -> list[str]:
    """The names of the corruptions that these texts ask for: names, names of sets, or `all` for every generated one.

    A corruption that the data set's images are too small for, or that needs colours they lack, is left out of sets
    with a warning. Named by itself it is BadInput.

    Raises UnknownName where a text is no corruption or set, BadInput where its files are of other data sets.
    """
    found: dict[str, None] = {}
    for text in texts:
        if owners := datasets_with(text):
            if dataset.name not in owners:
                listed = " and ".join(owners)
                raise BadInput(f"--corruptions {text} is published for {listed}, and not for {dataset.name}")
            found |= dict.fromkeys(file_members(text, dataset.name))
            continue
        if not members(text) and text not in CORRUPTIONS:
            known = [*CORRUPTIONS, *SETS, *FILE_SETS, "all"]
            raise UnknownName(f"no corruption or set named {text!r}; {suggestion(text, known)}")
        if text in CORRUPTIONS:
            parameters(text, 1, dataset.shape)
        for name in members(text) or [text]:
            if reason := refusal(name, dataset.shape):
                log.warning("%s, of %s", reason, text)
            else:
                found[name] = None
    return list(found)


def corruption_conditions(
    texts: Sequence[str],
    severities: Sequence[int],
    dataset: Dataset,
    test: Images,
    data_dir: Path,
    ranges: Ranges | None = None,
) -> Iterator[Corrupted]:
    """Yield a condition for each corruption and severity. BadInput where a published file is of other test images.

    severities: from 1 to 5.
    ranges: calibrated parameters of M-TLAT's four corruptions, in the place of the paper's.
    """
    for name in resolve_names(texts, dataset):
        if file_set := file_set_of(name, dataset.name):
            for severity in severities:
                yield _published_condition(
                    find_in_file_set(file_set, name, severity, dataset, len(test), data_dir), test
                )
            continue
        published_as = {s: find_official(name, s, dataset, len(test), data_dir) for s in severities}
        warn_missing(name, [s for s, official in published_as.items() if not official], dataset, data_dir)
        for severity, official in published_as.items():
            if official:
                yield _published_condition(official, test)
            else:
                made, settings = generated_settings(name, severity, dataset, data_dir), None
                if ranges and (settings := ranges.settings(name, severity)):
                    made |= {"calibrated": ranges.of, "parameters": settings}
                yield Corrupted(name, severity, _params(made), partial(_make, name, severity, data_dir, settings))


def _published_condition(official: PublishedCorruption, test: Images) -> Corrupted:
    """The condition of published images. BadInput where they are of other test images."""
    official.check(test)
    params = _params(published_settings(official))
    return Corrupted(official.name, official.severity, params, partial(_read_images, official))


def warn_missing(name: str, severities: Sequence[int], dataset: Dataset, data_dir: Path) -> None:
    """Warn, once, of severities that a folder of published images lacks and that are generated instead."""
    folder = official_folder(dataset, data_dir)
    if folder and severities and name in (*SETS["imagenet-c"], *SETS["extra"]):
        listed = ", ".join(map(str, severities))
        warn_once(f"{folder} lacks {name} at severity {listed}, which is generated here; its rows say so")


def published_settings(official: PublishedCorruption) -> dict[str, Any]:
    """The settings in the row of published images: set and digest."""
    return {"made": "official", "set": official.set_name, "images": official.digest()}


def generated_settings(name: str, severity: int, dataset: Dataset, data_dir: Path) -> dict[str, Any]:
    """The settings in the row of generated images: parameters, and the frost images used."""
    settings = parameters(name, severity, dataset.shape)
    record = {"made": "generated", "table": table_size(max(dataset.shape[1:])), "parameters": settings}
    if CORRUPTIONS[name].ice:
        ice = find_frost_images(data_dir)
        record |= {"ice": ice.kind, "pictures": ice.digest()}
    return record


def _params(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True)


def _make(
    name: str, severity: int, data_dir: Path, settings: tuple[float, ...] | None, x: Tensor, ids: range
) -> Tensor:
    return corrupted(x, name, severity, ids, data_dir, settings=settings)


def _read_images(official: PublishedCorruption, x: Tensor, ids: range) -> Tensor:
    return official.images(np.array(ids))
