"""scikit-learn's 8x8 handwritten digits, the set that is always there.

1,797 images of UCI's Optical Recognition of Handwritten Digits (its test part), values 0..16. There is no official
split: 30 images of each class are the test set here.
"""

from pathlib import Path

import numpy as np

from bench.data.dataset import DATASETS, Dataset, Source, Split, stratified
from bench.plan import Budget, Plan
from bench.threat import Linf

TEST = 300


def read_digits(split: Split, data_dir: Path) -> Source:
    """One split, with 0..16 stretched to 0..255; data_dir is not looked at."""
    from sklearn.datasets import load_digits  # half a second that other data sets need not wait for

    raw = load_digits()
    y = raw.target.astype(np.int64)
    order = stratified(y, even=True)
    chosen = order[:TEST] if split == "test" else order[TEST:]
    x = np.rint(raw.images[chosen, None] * (255 / 16)).astype(np.uint8)
    return Source(y[chosen], x.__getitem__, ordered=True)


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
