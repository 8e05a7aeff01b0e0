"""SVHN, cropped digits, without its extra set. Netzer et al., "Reading Digits in Natural Images", NIPS 2011."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset
from bench.data.files.image_list import Shape
from bench.data.layouts import Layouts
from bench.data.torchvision_files import TorchvisionFiles

CLASSES = tuple("0123456789")
SHAPE: Shape = (3, 32, 32)
FILES = ("train_32x32.mat", "test_32x32.mat")


def arrays(data: Any) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Images and labels of torchvision's data set, which has changed the label of 0 from 10 to 0."""
    return data.data.transpose(0, 2, 3, 1), data.labels


OFFICIAL = TorchvisionFiles(
    "svhn",
    "SVHN",
    arrays,
    "{split}_32x32.mat",
    "is missing, incomplete or fails its checksum; put it there again",
    by_split=True,
)
DATASETS.add(
    "svhn",
    Dataset(
        name="svhn",
        classes=CLASSES,
        shape=SHAPE,
        mean=(0.4377, 0.4438, 0.4728),
        std=(0.1980, 0.2010, 0.1970),
        threat=Linf(8 / 255),
        model="resnet8",
        model_cuda="resnet18",
        pad=0,
        flip=False,
        quick=Budget(
            Plan(epochs=10, lr=0.01), train=5000, test=256
        ),  # at 0.1 adversarial training may not learn anything
        standard=Budget(Plan(epochs=30, lr=0.01)),
        read=Layouts("svhn", CLASSES, SHAPE, FILES, OFFICIAL.read),
        fetch=OFFICIAL.fetch,
    ),
)
