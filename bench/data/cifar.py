"""CIFAR-10. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009."""

import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.dataset import DATASETS, Dataset, Shape, Source, Split
from bench.data.folder import read_folder
from bench.errors import BadInput
from bench.plan import Budget, Plan
from bench.threat import Linf

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE: Shape = (3, 32, 32)


def read_cifar10(split: Split, data_dir: Path) -> Source:
    """The first of the three layouts that is there."""
    official, folder, npz = (data_dir / name for name in ("cifar-10-batches-py", "cifar10", "cifar10.npz"))
    if official.is_dir():
        return read_official(official, split)
    if folder.is_dir():
        return read_folder(folder, CLASSES, SHAPE, split, data_dir)
    if npz.is_file():
        return read_npz(npz, CLASSES, SHAPE, split)
    raise BadInput(
        f"no cifar10 under {data_dir}; put there cifar-10-batches-py/ (the official files), "
        "cifar10/{train,test}/<class>/*.png|jpg, or cifar10.npz, or name another --data-dir, or give --download"
    )


def fetch_cifar10(data_dir: Path) -> None:
    """Download the official files, unless they are there."""
    from torchvision.datasets import CIFAR10

    try:
        CIFAR10(data_dir, download=True)
    except (OSError, RuntimeError) as error:
        raise BadInput(f"cifar10 could not be downloaded into {data_dir} ({error}); put its files there") from None


def read_official(folder: Path, split: Split) -> Source:
    """The published batches. They are pickles: torchvision opens them only if their checksums are right."""
    from torchvision.datasets import CIFAR10

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "dtype")  # these pickles are older than today's NumPy
            data = CIFAR10(folder.parent, train=split == "train", download=False)
    except (RuntimeError, OSError):
        raise BadInput(f"{folder} is incomplete or fails its checksums; unpack cifar-10-python.tar.gz again") from None
    return from_arrays(data.data, np.array(data.targets))


def read_npz(path: Path, classes: tuple[str, ...], shape: Shape, split: Split) -> Source:
    """An archive of x_train, y_train, x_test, y_test: images uint8 (N, H, W, C), labels (N,). No pickle is opened."""
    wanted = "wanted: x_train y_train x_test y_test, images uint8 (N, H, W, C), labels whole numbers (N,)"
    try:
        with np.load(path, allow_pickle=False) as archive:
            x, y = archive[f"x_{split}"], archive[f"y_{split}"]
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise BadInput(f"cannot read the {split} split of {path} ({error}); {wanted}") from None
    channels, height, width = shape
    if x.dtype != np.uint8 or x.shape[1:] != (height, width, channels) or len(x) == 0:
        size = f"uint8 (N, {height}, {width}, {channels})"
        raise BadInput(f"x_{split} in {path} is {x.dtype} {x.shape}; it must be {size} with N > 0")
    if y.shape != (len(x),) or not np.issubdtype(y.dtype, np.integer):
        raise BadInput(f"y_{split} in {path} is {y.dtype} {y.shape}; it must be whole numbers ({len(x)},)")
    if y.min() < 0 or y.max() >= len(classes):
        raise BadInput(
            f"y_{split} in {path} has labels {y.min()} to {y.max()}; they must lie in 0 to {len(classes) - 1}"
        )
    return from_arrays(x, y)


def from_arrays(x: NDArray[np.uint8], y: NDArray[Any]) -> Source:
    """A split in memory: x (N, H, W, C), y (N,)."""
    images = x.transpose(0, 3, 1, 2)
    return Source(y.astype(np.int64), lambda chosen: np.ascontiguousarray(images[chosen]), ordered=True)


DATASETS.add(
    "cifar10",
    Dataset(
        name="cifar10",
        classes=CLASSES,
        shape=SHAPE,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        threat=Linf(8 / 255),
        model="resnet8",
        model_cuda="resnet18",
        pad=4,
        flip=True,
        quick=Budget(Plan(epochs=10), train=5000, test=256),
        standard=Budget(Plan(epochs=30)),
        read=read_cifar10,
        fetch=fetch_cifar10,
    ),
)
