"""Handwritten digits of 8x8 pixels that scikit-learn holds, so that they need no download.

1,797 images of UCI's Optical Recognition of Handwritten Digits (its test part), values 0..16. There is no official
split: 30 images of each class are the test set here.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bench.core.plan import Budget, Plan
from bench.core.threats.linf import Linf
from bench.data.dataset import DATASETS, Dataset, Source, Split, stratified_order

TEST_COUNT = 300  # number of test images


def read_digits(split: Split, data_dir: Path) -> Source:
    """Read one split, with 0..16 stretched to 0..255; data_dir is not used."""
    table = np.loadtxt(file_of_digits(), delimiter=",")  # 64 pixels and the label of each image
    images, y = table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
    order = stratified_order(y, even=True)
    chosen = order[:TEST_COUNT] if split == "test" else order[TEST_COUNT:]
    x = np.rint(images[chosen, None] * (255 / 16)).astype(np.uint8)
    return Source(y[chosen], x.__getitem__, ordered=True)


def file_of_digits() -> Path:
    """The path of the images inside scikit-learn, found without importing it, which takes seconds."""
    spec = find_spec("sklearn")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")


DATASETS.add(
    "digits",
    Dataset(
        name="digits",
        classes=tuple("0123456789"),
        shape=(1, 8, 8),
        mean=(0.3055,),
        std=(0.3761,),
        threat=Linf(0.2),
        model="cnn",
        model_cuda="cnn",
        pad=0,
        flip=False,
        quick=Budget(Plan(epochs=20, batch_size=64)),
        standard=Budget(Plan(epochs=60, batch_size=64)),
        read=read_digits,
    ),
)
