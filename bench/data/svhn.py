"""SVHN, cropped digits, without its extra set. Netzer et al., "Reading Digits in Natural Images", NIPS 2011."""

from pathlib import Path

from bench.core.errors import BadInput
from bench.core.plan import Budget, Plan
from bench.core.threat import Linf
from bench.data.dataset import DATASETS, Dataset, Shape, Source, Split
from bench.data.layouts import Layouts, fetching, from_arrays

CLASSES = tuple("0123456789")
SHAPE: Shape = (3, 32, 32)
FILES = ("train_32x32.mat", "test_32x32.mat")


def read_official(data_dir: Path, split: Split) -> Source:
    """The published files, in which the label of a 0 is 10."""
    from torchvision.datasets import SVHN

    try:
        data = SVHN(data_dir, split=split, download=False)
    except (RuntimeError, OSError):
        name = f"{split}_32x32.mat"
        raise BadInput(f"{data_dir / name} is missing, incomplete or fails its checksum; put it there again") from None
    return from_arrays(data.data.transpose(0, 2, 3, 1), data.labels)


def fetch(data_dir: Path) -> None:
    """Download the official files, unless they are there."""
    from torchvision.datasets import SVHN

    with fetching("svhn", data_dir):
        for split in ("train", "test"):
            SVHN(data_dir, split=split, download=True)


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
        quick=Budget(Plan(epochs=10, lr=0.01), train=5000, test=256),  # at 0.1 adversarial training may never start
        standard=Budget(Plan(epochs=30, lr=0.01)),
        read=Layouts("svhn", CLASSES, SHAPE, FILES, read_official),
        fetch=fetch,
    ),
)
