"""Data sets by name. A new one is a file beside this that ends in `DATASETS.add`, or in `DATASETS.add_lazy`."""

from pathlib import Path

from bench.core.errors import BadInput
from bench.core.files import expand_home
from bench.data.dataset import DATASETS, Dataset
from bench.data.image_folder import folder_dataset

FOLDER = "folder:"  # before the path of an image folder


def dataset(name: str, data_dir: Path) -> Dataset:
    """A registered data set, one whose folder names its classes, or `folder:PATH`, PATH being here or in data_dir."""
    if not name.startswith(FOLDER):
        return DATASETS.look_up(name, data_dir)
    if not (text := name.removeprefix(FOLDER)):
        raise BadInput("--dataset folder: names no folder; the form is folder:PATH")
    path = expand_home(text)
    return folder_dataset(path if path.is_dir() else data_dir / path)
