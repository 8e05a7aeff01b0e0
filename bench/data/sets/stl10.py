"""STL-10: colour photographs of ten classes, 5,000 to train on and 8,000 to test. Coates, Lee, Ng, AISTATS 2011.

The 100,000 images without labels are not used, and their file need not be there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset
from bench.data.files.image_list import Shape
from bench.data.layouts import Layouts
from bench.data.torchvision_files import TorchvisionFiles

NAME = "stl10"
CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
SHAPE: Shape = (3, 96, 96)
FOLDER = "stl10_binary/"


def arrays(data: Any) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Images and labels of torchvision's data set, which has changed the labels 1 to 10 to 0 to 9."""
    return data.data.transpose(0, 2, 3, 1), data.labels


@dataclass(frozen=True)
class LabelledFiles(TorchvisionFiles):
    """The files of images with labels; torchvision would also read the 2.6 GB of those without, to check them."""

    @property
    def dataset_class(self) -> Callable[..., Any]:
        """torchvision's data set without the file of unlabelled images."""
        from torchvision.datasets import STL10

        labelled = [entry for entry in STL10.train_list if not entry[0].startswith("unlabeled")]
        return type("Labelled", (STL10,), {"train_list": labelled})


OFFICIAL = LabelledFiles(
    NAME,
    "STL10",
    arrays,
    FOLDER,
    "lacks train_X.bin, train_y.bin, test_X.bin or test_y.bin, or one fails its checksum; unpack stl10_binary.tar.gz "
    "of https://cs.stanford.edu/~acoates/stl10 again",
    by_split=True,
)
DATASETS.add(
    NAME,
    Dataset(
        name=NAME,
        classes=CLASSES,
        shape=SHAPE,
        mean=(0.4467, 0.4398, 0.4066),
        std=(0.2603, 0.2566, 0.2713),
        threat=Linf(8 / 255),
        model="resnet8-s32",
        model_cuda="resnet18",
        pad=12,
        flip=True,
        quick=Budget(Plan(epochs=20, batch_size=64), train=1000, test=256),
        standard=Budget(Plan(epochs=100)),
        read=Layouts(NAME, CLASSES, SHAPE, (FOLDER,), OFFICIAL.read),
        fetch=OFFICIAL.fetch,
    ),
    "STL-10: colour photographs of ten classes, 96 pixels a side",
)
