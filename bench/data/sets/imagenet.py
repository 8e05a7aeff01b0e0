"""ImageNet with all 1,000 classes; its validation images are the test split. Russakovsky et al., arXiv:1409.0575.

Images are prepared as for ImageNet-C: the shorter side is resized to 256 pixels, then the middle 224 are cropped. They
are sorted by class and name, as in ImageNet-C, so that each image is paired with its corruptions.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.core.errors import BadInput
from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset, Source, Split
from bench.data.files.image_list import Shape
from bench.data.image_files import convert_mode, decode, names
from bench.data.image_folder import list_files, source_of
from bench.data.sets.imagenet_100 import ALL, MEAN, SHAPE, STD

IMAGENET = "imagenet"
RESIZED_SIDE = 256  # pixels of the shorter side before cropping
LAYOUT = "ImageNet is imagenet/train/<class>/*.JPEG and imagenet/val/<class>/*.JPEG (or test/) in --data-dir"


def imagenet(data_dir: Path) -> Dataset:
    """Make the data set from data_dir/imagenet; BadInput if train has not 1,000 classes, or val or test is missing."""
    root = data_dir / IMAGENET
    held_out = next((name for name in ("val", "test") if (root / name).is_dir()), None)
    if held_out is None or not (root / "train").is_dir():
        raise BadInput(f"no {root / ('val' if (root / 'train').is_dir() else 'train')}; {LAYOUT}")
    classes = tuple(names(root / "train", folders=True))
    if len(classes) != ALL:
        raise BadInput(f"{root / 'train'} holds {len(classes)} class folders; ImageNet has {ALL} ({LAYOUT})")
    return imagenet_of(classes, partial(read_imagenet, root, held_out, classes))


def imagenet_of(classes: tuple[str, ...], read: Callable[[Split, Path], Source]) -> Dataset:
    """ImageNet with these names of its classes, in the order of the logits, and this reader."""
    return Dataset(
        name=IMAGENET,
        classes=classes,
        shape=SHAPE,
        mean=MEAN,
        std=STD,
        threat=Linf(4 / 255),
        model="resnet18-imagenet",
        model_cuda="resnet50",
        pad=28,
        flip=True,
        quick=Budget(Plan(epochs=10), train=5000, test=256),
        standard=Budget(Plan(epochs=30, batch_size=256, weight_decay=1e-4)),
        read=read,
    )


def read_imagenet(root: Path, held_out: str, classes: tuple[str, ...], split: Split, data_dir: Path) -> Source:
    """Find the images of one split; they are decoded when they are used."""
    paths, y = list_files(root / (held_out if split == "test" else "train"), classes)
    return source_of(root, paths, y, SHAPE, crop_middle)


def crop_middle(path: str, shape: Shape) -> NDArray[np.uint8]:
    """Read an image of any size, resize it and crop its middle, (C, H, W)."""
    _, height, width = shape
    image = convert_mode(decode(path), "RGB")
    scale = RESIZED_SIDE / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return np.asarray(image.crop((left, top, left + width, top + height))).transpose(2, 0, 1)


DATASETS.add_lazy(IMAGENET, imagenet)
