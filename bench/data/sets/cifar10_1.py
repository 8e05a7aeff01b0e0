"""CIFAR-10.1: a test set for models of CIFAR-10, collected anew as that one was. Recht et al., arXiv:1806.00451.

Its authors recommend version 6, which has 2,000 images, 200 for each class; version 4 has 2,021.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from bench.core.errors import BadInput
from bench.data.dataset import DATASETS, Dataset, Source, Split
from bench.data.layouts import from_arrays, open_npy
from bench.data.sets.cifar import CIFAR10

PUBLISHED = "https://github.com/modestyachts/CIFAR-10.1/tree/master/datasets"


def read_cifar10_1(version: str, split: Split, data_dir: Path) -> Source:
    """Open the two published arrays of a version; BadInput if one is missing or not as published."""
    images, labels = (data_dir / f"cifar10.1_{version}_{part}.npy" for part in ("data", "labels"))
    if missing := [path.name for path in (images, labels) if not path.is_file()]:
        raise BadInput(
            f"no {' and no '.join(missing)} under {data_dir}; put there {images.name} and {labels.name}, as published "
            f"at {PUBLISHED}, or name another --data-dir (or by the variable BENCH_DATA)"
        )
    (channels, height, width), x, y = CIFAR10.shape, open_npy(images), open_npy(labels)
    if x.dtype != np.uint8 or x.shape[1:] != (height, width, channels) or not len(x):
        raise BadInput(f"{images} is {x.dtype} {x.shape}; it must be uint8 (N, {height}, {width}, {channels})")
    if y.shape != (len(x),) or not np.issubdtype(y.dtype, np.integer):
        raise BadInput(f"{labels} is {y.dtype} {y.shape}; it must be whole numbers ({len(x)},), as {images.name} has")
    if y.min() < 0 or y.max() >= CIFAR10.num_classes:
        raise BadInput(f"{labels} has labels {y.min()} to {y.max()}; they must lie in 0 to {CIFAR10.num_classes - 1}")
    return from_arrays(x, y, ordered=False)  # as nothing says that its order mixes the classes


def register(name: str, version: str, meaning: str) -> Dataset:
    """Register one version of the test set, and return it. meaning: for `bench list datasets`."""
    read = partial(read_cifar10_1, version)
    data = replace(CIFAR10, name=name, read=read, fetch=None, test_only=True, trained_on=CIFAR10)
    return DATASETS.add(name, data, meaning)


register("cifar10.1", "v6", "CIFAR-10.1, version 6: a test set that was collected anew as CIFAR-10's was")
register("cifar10.1-v4", "v4", "CIFAR-10.1, version 4: the first version of that test set")
