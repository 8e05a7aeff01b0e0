"""Fashion-MNIST: grey pictures of clothes. Xiao, Rasul, Vollgraf, arXiv:1708.07747."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset
from bench.data.files.image_list import Shape
from bench.data.layouts import Layouts
from bench.data.torchvision_files import TorchvisionFiles

NAME = "fashion-mnist"
CLASSES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SHAPE: Shape = (1, 28, 28)
FOLDER = "FashionMNIST/raw/"


def arrays(data: Any) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Images (N, H, W, 1) and labels of torchvision's data set."""
    return data.data.numpy()[..., None], data.targets.numpy()


def official_files(name: str, kind: str, folder: str) -> TorchvisionFiles:
    """The four files of MNIST's format in a folder. kind: the class of torchvision.datasets."""
    return TorchvisionFiles(
        name,
        kind,
        arrays,
        folder,
        "lacks one of its 4 files, or one is broken; unpack them again",
        errors=(RuntimeError, OSError, ValueError, KeyError, AssertionError),  # torchvision checks no checksums here
    )


OFFICIAL = official_files(NAME, "FashionMNIST", FOLDER)
DATASETS.add(
    NAME,
    Dataset(
        name=NAME,
        classes=CLASSES,
        shape=SHAPE,
        mean=(0.2860,),
        std=(0.3530,),
        threat=Linf(0.1),
        model="cnn",
        model_cuda="resnet18",
        pad=2,
        flip=True,
        quick=Budget(Plan(epochs=10), train=5000, test=256),
        standard=Budget(Plan(epochs=30)),
        read=Layouts(NAME, CLASSES, SHAPE, (FOLDER,), OFFICIAL.read),
        fetch=OFFICIAL.fetch,
    ),
)
