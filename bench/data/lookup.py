"""Finds data sets by name. A new one is a file in `sets/` that calls `DATASETS.add` or `DATASETS.add_lazy`."""

from pathlib import Path

from bench.core.errors import BadInput
from bench.core.files import expand_home
from bench.core.threats.lengths import REFERENCE_EPS
from bench.data.dataset import DATASETS, Dataset
from bench.data.image_folder import folder_dataset

FOLDER = "folder:"  # before the path of an image folder


def registered_radius(name: str) -> float:
    """The default radius of a data set in [0, 1] pixel units; CIFAR-10's for data sets that need their folder."""
    return DATASETS[name].threat.eps if name in DATASETS else REFERENCE_EPS


def dataset(name: str, data_dir: Path) -> Dataset:
    """Find a data set by name. Its images are read by `load` of what is returned.

    Args:
        name: of a registered data set, of one whose folder names its classes (`tiny-imagenet`, `imagenet`,
            `imagenet-100`), or `folder:PATH`, where PATH is a folder here or in data_dir.
        data_dir: the folder that data sets lie in, as `--data-dir`.

    Returns:
        A `bench.data.dataset.Dataset`: shape, classes, default threat model, and `load(split, data_dir)`.

    Raises:
        BadInput: there is no data set of that name, or its folder is missing or not as it should be.

    Example:
        >>> from pathlib import Path
        >>> from bench import dataset
        >>> digits = dataset("digits", Path())
        >>> digits.shape, digits.num_classes, digits.threat
        ((1, 8, 8), 10, Linf(eps=0.2))
        >>> len(digits.load("test", Path(), limit=16))
        16
    """
    if not name.startswith(FOLDER):
        return DATASETS.look_up(name, data_dir)
    if not (text := name.removeprefix(FOLDER)):
        raise BadInput("--dataset folder: names no folder; the form is folder:PATH")
    path = expand_home(text)
    return folder_dataset(path if path.is_dir() else data_dir / path)
