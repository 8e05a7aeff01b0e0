"""CIFAR-10, and CIFAR-100 with its fine labels.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset
from bench.data.files.image_list import Shape
from bench.data.layouts import Layouts
from bench.data.torchvision_files import TorchvisionFiles

SHAPE: Shape = (3, 32, 32)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FINE_NAMES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""
FINE_CLASSES = tuple(FINE_NAMES.split())


def arrays(data: Any) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Images and labels of torchvision's data set, which opens the published pickles only if their checksums match."""
    return data.data, np.array(data.targets)


def register(
    kind: str, classes: tuple[str, ...], folder: str, mean: tuple[float, ...], std: tuple[float, ...]
) -> Dataset:
    """Register one of the two data sets. kind: its class in torchvision. folder: of its batches, below --data-dir."""
    name, fault = kind.lower(), "is incomplete or fails its checksums; unpack"
    files = TorchvisionFiles(name, kind, arrays, folder, f"{fault} cifar-{len(classes)}-python.tar.gz again")
    return DATASETS.add(
        name,
        Dataset(
            name=name,
            classes=classes,
            shape=SHAPE,
            mean=mean,
            std=std,
            threat=Linf(8 / 255),
            model="resnet8",
            model_cuda="resnet18",
            pad=4,
            flip=True,
            quick=Budget(Plan(epochs=10), train=5000, test=256),
            standard=Budget(Plan(epochs=30)),
            read=Layouts(name, classes, SHAPE, (f"{folder}/",), files.read),
            fetch=files.fetch,
        ),
        f"{kind[:5]}-{len(classes)}: colour photographs of {len(classes)} classes",
    )


CIFAR10 = register("CIFAR10", CLASSES, "cifar-10-batches-py", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
register("CIFAR100", FINE_CLASSES, "cifar-100-python", (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
