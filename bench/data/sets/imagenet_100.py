"""ImageNet-100 of the M-TLAT paper (arXiv:2008.08384): a hundred classes of ImageNet.

The paper does not say which classes. Here they are the first 100 of `numpy.random.RandomState(100).permutation(1000)`
as places in the sorted names of the class folders (n01440764, ...), and the test images of a class with N files are
those at the first round(N / 10) places of `RandomState(100).permutation(N)` in their sorted names.
"""

import os
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset, Source, Split
from bench.data.files.image_list import Shape
from bench.data.image_files import convert_mode, decode, images_of, names
from bench.data.image_folder import source_of

IMAGENET_100 = "imagenet-100"
SELECTION_SEED = 100
KEPT, ALL = 100, 1000  # classes
TEST_SHARE = 0.1
SHAPE: Shape = (3, 224, 224)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LAYOUT = "ImageNet is imagenet/train/<class>/*.JPEG in --data-dir"


def imagenet_100(data_dir: Path) -> Dataset:
    """Make the data set from data_dir/imagenet/train; its name tells if the folder has not all 1,000 classes.

    BadInput if the folder is not there, or has too few class folders.
    """
    folder = data_dir / "imagenet/train"
    if not folder.is_dir():
        raise BadInput(f"no {folder}; {LAYOUT}")
    there = names(folder, folders=True)
    if len(there) < KEPT:
        raise BadInput(f"{folder} holds {len(there)} class folders; {KEPT} or more are needed ({LAYOUT})")
    classes = choose_classes(there)
    plan = Plan(
        epochs=90, batch_size=256, optimiser="adam", lr=0.002, weight_decay=1e-4, milestones=(1 / 3, 2 / 3, 8 / 9)
    )
    return Dataset(
        name=IMAGENET_100 if len(there) == ALL else f"{IMAGENET_100}-of-{len(there)}",
        classes=classes,
        shape=SHAPE,
        mean=MEAN,
        std=STD,
        threat=Linf(8 / 255),  # so that the radii of recipes are those of their papers
        model="resnet18-imagenet",
        model_cuda="resnet50",
        pad=0,
        flip=False,
        quick=Budget(Plan(epochs=10), train=5000, test=256),
        standard=Budget(plan),
        read=partial(read_imagenet_100, folder, classes),
    )


def choose_classes(there: list[str]) -> tuple[str, ...]:
    """Choose a hundred of the sorted names of classes; sorted too."""
    return tuple(there[i] for i in sorted(np.random.RandomState(SELECTION_SEED).permutation(len(there))[:KEPT]))


def read_imagenet_100(folder: Path, classes: tuple[str, ...], split: Split, data_dir: Path) -> Source:
    """Find the images of one split (both are in one folder); they are decoded when they are used."""
    paths: list[str] = []
    labels: list[int] = []
    for label, there in enumerate(images_of([folder / name for name in classes])):
        test, train = split_files(there)
        files = test if split == "test" else train
        paths += files
        labels += [label] * len(files)
    return source_of(folder, paths, np.array(labels, np.int64), SHAPE, resize)


def split_files(files: list[str]) -> tuple[list[str], list[str]]:
    """Split the sorted files of a class into test and training files; BadInput if there are too few."""
    count = round(TEST_SHARE * len(files))
    if not count:
        raise BadInput(
            f"{os.path.dirname(files[0])} holds {format_count(len(files), 'image')}; "
            "a tenth of them is none, give it 6 or more"
        )
    held = set(np.random.RandomState(SELECTION_SEED).permutation(len(files))[:count].tolist())
    return [f for i, f in enumerate(files) if i in held], [f for i, f in enumerate(files) if i not in held]


def resize(path: str, shape: Shape) -> NDArray[np.uint8]:
    """Read an image and resize it to (H, W) without cropping, as in the paper; (C, H, W)."""
    _, height, width = shape
    image = convert_mode(decode(path), "RGB").resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)


DATASETS.add_lazy(IMAGENET_100, imagenet_100)
