"""Stored adversarial images of a few attacks on a method's models, as pictures beside its page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.core.files import Bits
from bench.report.rows import MODEL_COLUMNS, attack_rows, clean_rows, white_box_rows
from bench.report.site.data import SiteData
from bench.report.site.methods.stored_images import StoredImages, attacks_with_images, read_images
from bench.report.site.pictures import png

MAX_ATTACKS = 3  # most attacks whose images are shown
TILES = ("clean", "attacked", "difference")


@dataclass(frozen=True)
class AttackedImages:
    """Adversarial images of one attack on one model. pictures: files by their path below reports/."""

    title: str
    images: StoredImages
    recognised: Mapping[int, bool]  # whether the model classifies the clean image correctly, if that is stored
    tiles: dict[int, dict[str, str]]  # by place in the test set, paths of its pictures
    pictures: tuple[tuple[str, bytes], ...]


def attacked_images(data: SiteData, recipe: str, page: str) -> Iterator[AttackedImages]:
    """The images of the attacks with the lowest accuracies, each on one model."""
    rows = white_box_rows(data.rows[data.rows["recipe"] == recipe])
    attacked = attack_rows(rows).sort_values("value", kind="stable").drop_duplicates("key")
    shown: set[str] = set()
    for row in attacked.to_dict("records"):
        files = attacks_with_images(data.results / row["run"], [row["key"]])
        if not files or row["name"] in shown or len(shown) == MAX_ATTACKS:
            continue
        shown.add(row["name"])
        images = read_images(files[row["key"]], _data_set(data, row), float(row["eps"]), data.sources)
        bits = _clean_bits(data, row)
        recognised = {one.place: bool(bits[one.place]) for one in images.examples if one.place < len(bits)}
        stem = f"methods/images/{Path(page).stem}-{len(shown)}"
        yield _with_pictures(f"{row['name']} on {row['run']}", images, recognised, stem)


def _data_set(data: SiteData, row: Mapping[Any, Any]) -> str:
    """The data set of a row, as --dataset takes it."""
    return str(data.job(row["run"]).get("source", row["dataset"]))


def _clean_bits(data: SiteData, row: Mapping[Any, Any]) -> Bits:
    """Which clean test images the model of a row classifies correctly; empty if that is not stored."""
    same = (data.rows[MODEL_COLUMNS] == [row[name] for name in MODEL_COLUMNS]).all(axis=1)
    outcomes = data.outcomes([row["run"]])
    known = [outcomes[key] for key in clean_rows(data.rows[same])["key"] if key in outcomes]
    return max(known, key=len, default=np.zeros(0, np.bool_))


def _with_pictures(title: str, images: StoredImages, recognised: Mapping[int, bool], stem: str) -> AttackedImages:
    tiles, pictures = dict[int, dict[str, str]](), []
    for example in images.examples:
        for name in TILES:
            pixels = getattr(example, name)
            if pixels is not None:
                path = f"{stem}-{example.place}-{name}.png"
                tiles.setdefault(example.place, {})[name] = path
                pictures.append((path, png(pixels)))
    return AttackedImages(title, images, recognised, tiles, tuple(pictures))
