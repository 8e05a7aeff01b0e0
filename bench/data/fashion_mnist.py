"""Fashion-MNIST: grey pictures of clothes. Xiao, Rasul, Vollgraf, arXiv:1708.07747."""

from pathlib import Path

from bench.core.errors import BadInput
from bench.core.plan import Budget, Plan
from bench.core.threat import Linf
from bench.data.dataset import DATASETS, Dataset, Shape, Source, Split
from bench.data.layouts import Layouts, fetching, from_arrays

NAME = "fashion-mnist"
CLASSES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SHAPE: Shape = (1, 28, 28)
FOLDER = "FashionMNIST/raw/"


def read_official(data_dir: Path, split: Split) -> Source:
    """The published files, unpacked."""
    from torchvision.datasets import FashionMNIST

    try:
        data = FashionMNIST(data_dir, train=split == "train", download=False)
    except (RuntimeError, OSError, ValueError, KeyError, AssertionError):  # torchvision checks no sum of these
        raise BadInput(f"{data_dir / FOLDER} lacks one of its 4 files, or one is broken; unpack them again") from None
    return from_arrays(data.data.numpy()[..., None], data.targets.numpy())


def fetch(data_dir: Path) -> None:
    """Download the official files, unless they are there."""
    from torchvision.datasets import FashionMNIST

    with fetching(NAME, data_dir):
        FashionMNIST(data_dir, download=True)


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
        read=Layouts(NAME, CLASSES, SHAPE, (FOLDER,), read_official),
        fetch=fetch,
    ),
)
