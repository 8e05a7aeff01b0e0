"""CIFAR-10, and CIFAR-100 with its fine labels.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import warnings
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from bench.core.errors import BadInput
from bench.core.plan import Budget, Plan
from bench.core.threat import Linf
from bench.data.dataset import DATASETS, Dataset, Shape, Source, Split
from bench.data.layouts import Layouts, fetching, from_arrays

Kind = Literal["CIFAR10", "CIFAR100"]  # classes of torchvision
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
FINE = tuple(FINE_NAMES.split())


def read_official(kind: Kind, data_dir: Path, split: Split) -> Source:
    """The published batches. They are pickles: torchvision opens them only if their checksums are right."""
    import torchvision.datasets

    made = getattr(torchvision.datasets, kind)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "dtype")  # these pickles are older than today's NumPy
            data = made(data_dir, train=split == "train", download=False)
    except (RuntimeError, OSError):
        raise BadInput(
            f"{data_dir / made.base_folder} is incomplete or fails its checksums; unpack {made.filename} again"
        ) from None
    return from_arrays(data.data, np.array(data.targets))


def fetch(kind: Kind, name: str, data_dir: Path) -> None:
    """Download the official files, unless they are there."""
    import torchvision.datasets

    with fetching(name, data_dir):
        getattr(torchvision.datasets, kind)(data_dir, download=True)


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
        read=Layouts("cifar10", CLASSES, SHAPE, ("cifar-10-batches-py/",), partial(read_official, "CIFAR10")),
        fetch=partial(fetch, "CIFAR10", "cifar10"),
    ),
)
DATASETS.add(
    "cifar100",
    Dataset(
        name="cifar100",
        classes=FINE,
        shape=SHAPE,
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        threat=Linf(8 / 255),
        model="resnet8",
        model_cuda="resnet18",
        pad=4,
        flip=True,
        quick=Budget(Plan(epochs=10), train=5000, test=256),
        standard=Budget(Plan(epochs=30)),
        read=Layouts("cifar100", FINE, SHAPE, ("cifar-100-python/",), partial(read_official, "CIFAR100")),
        fetch=partial(fetch, "CIFAR100", "cifar100"),
    ),
)
