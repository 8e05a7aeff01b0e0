"""Data sets. A new one is a file that ends in `DATASETS.add` and one import line here."""

from pathlib import Path

from bench.data import cifar, digits
from bench.data.dataset import DATASETS, Dataset, Images, Source, Split
from bench.data.folder import folder_dataset
from bench.data.imagenet import IMAGENET_100, imagenet_100

__all__ = ["DATASETS", "READ_FROM_FOLDERS", "Dataset", "Images", "Source", "Split", "cifar", "dataset", "digits"]
READ_FROM_FOLDERS = (IMAGENET_100, "folder:PATH")  # whose classes are known once the folder is


def dataset(name: str, data_dir: Path) -> Dataset:
    """A registered data set, imagenet-100, or `folder:PATH` with PATH in the working directory or under data_dir."""
    if name == IMAGENET_100:
        return imagenet_100(data_dir)
    if not name.startswith("folder:"):
        return DATASETS[name]
    path = Path(name.removeprefix("folder:")).expanduser()
    return folder_dataset(path if path.is_dir() else data_dir / path)
