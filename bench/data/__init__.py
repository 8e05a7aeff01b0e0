"""Data sets. A new one is a file that ends in `DATASETS.add` and one import line here."""

from pathlib import Path

from bench.data import cifar, digits
from bench.data.dataset import DATASETS, Dataset, Images, Source, Split
from bench.data.folder import folder_dataset

__all__ = ["DATASETS", "Dataset", "Images", "Source", "Split", "cifar", "dataset", "digits"]


def dataset(name: str, data_dir: Path) -> Dataset:
    """A registered data set, or `folder:PATH` with PATH in the working directory or under data_dir."""
    if not name.startswith("folder:"):
        return DATASETS[name]
    path = Path(name.removeprefix("folder:")).expanduser()
    return folder_dataset(path if path.is_dir() else data_dir / path)
