"""Tiny ImageNet: 200 classes of ImageNet at 64 pixels, of Stanford's course CS231n.

Its validation images are the test split. They are sorted by class and name, as in Tiny-ImageNet-C, so that each image
is paired with its corruptions.
"""

import os
from functools import partial
from pathlib import Path

import numpy as np

from bench.core.errors import BadInput
from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset, Source, Split
from bench.data.files.image_list import Shape
from bench.data.image_files import images_of, names
from bench.data.image_folder import source_of, to_pixels
from bench.data.layouts import Layouts

NAME = "tiny-imagenet"
OFFICIAL = "tiny-imagenet-200/"
CLASS_COUNT = 200  # classes
SHAPE: Shape = (3, 64, 64)


def tiny_imagenet(data_dir: Path) -> Dataset:
    """Make the data set with the names of its class folders (n01443537, ...), or with numbers if it is an archive.

    BadInput if neither is there.
    """
    there = next((folder for name in (OFFICIAL, NAME) if (folder := data_dir / name).is_dir()), None)
    classes = tuple(names(there / "train", folders=True)) if there else tuple(map(str, range(CLASS_COUNT)))
    if len(classes) != CLASS_COUNT:
        raise BadInput(
            f"{there}/train holds {len(classes)} class folders; Tiny ImageNet has {CLASS_COUNT}, unpack it again"
        )
    return Dataset(
        name=NAME,
        classes=classes,
        shape=SHAPE,
        mean=(0.4802, 0.4481, 0.3975),
        std=(0.2770, 0.2691, 0.2821),
        threat=Linf(8 / 255),
        model="resnet8",
        model_cuda="resnet18",
        pad=4,
        flip=True,
        quick=Budget(Plan(epochs=10), train=5000, test=256),
        standard=Budget(Plan(epochs=30)),
        read=Layouts(NAME, classes, SHAPE, (OFFICIAL,), partial(read_official, classes), fetched=False),
    )


def read_official(classes: tuple[str, ...], data_dir: Path, split: Split) -> Source:
    """Find the official images: train/<class>/images/*.JPEG, or val/images/*.JPEG with an annotation file."""
    root = data_dir / OFFICIAL
    if split == "test":
        files = read_annotations(root / "val", classes)
    else:
        files = images_of([root / "train" / name / "images" for name in classes])
    labels = np.repeat(np.arange(len(classes)), [len(paths) for paths in files])
    return source_of(root, [path for paths in files for path in paths], labels, SHAPE, to_pixels)


def read_annotations(val: Path, classes: tuple[str, ...]) -> list[list[str]]:
    """List the validation images of each class by val_annotations.txt; BadInput if an image has no class."""
    path = val / "val_annotations.txt"
    if not path.is_file():
        raise BadInput(f"cannot read {path} (no such file); unpack Tiny ImageNet again")
    try:
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path} ({error}); unpack Tiny ImageNet again") from None
    by_name = {line[0]: line[1] for line in lines if len(line) > 1}
    (images,) = images_of([val / "images"])
    whose = [by_name.get(os.path.basename(image), "") for image in images]
    if lost := [image for image, name in zip(images, whose, strict=True) if name not in classes]:
        first = os.path.basename(lost[0])
        raise BadInput(f"{path} gives {first} no class, and {len(lost) - 1} others; unpack Tiny ImageNet again")
    files: dict[str, list[str]] = {name: [] for name in classes}
    for image, name in zip(images, whose, strict=True):
        files[name].append(image)
    return list(files.values())


DATASETS.add_lazy(NAME, tiny_imagenet)
