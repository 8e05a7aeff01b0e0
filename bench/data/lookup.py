"""Data sets by name. A new one is a file beside this that ends in `DATASETS.add`."""

from collections.abc import Callable
from pathlib import Path

from bench.core.errors import BadInput
from bench.core.files import expand_home
from bench.data.dataset import DATASETS, Dataset
from bench.data.image_folder import folder_dataset
from bench.data.imagenet import IMAGENET, imagenet
from bench.data.imagenet_100 import IMAGENET_100, imagenet_100
from bench.data.tiny_imagenet import TINY, tiny_imagenet

FROM_FOLDERS: dict[str, Callable[[Path], Dataset]] = {
    TINY: tiny_imagenet,
    IMAGENET: imagenet,
    IMAGENET_100: imagenet_100,
}
READ_FROM_FOLDERS = (*FROM_FOLDERS, "folder:PATH")  # whose classes are known once the folder is


def dataset(name: str, data_dir: Path) -> Dataset:
    """A registered data set, one whose folder names its classes, or `folder:PATH`, PATH being here or in data_dir."""
    if name in FROM_FOLDERS:
        return FROM_FOLDERS[name](data_dir)
    if not name.startswith("folder:"):
        return DATASETS[name]
    if not (text := name.removeprefix("folder:")):
        raise BadInput("--dataset folder: names no folder; the form is folder:PATH")
    path = expand_home(text)
    return folder_dataset(path if path.is_dir() else data_dir / path)
