"""The published corrupted test sets: CIFAR-10-C, CIFAR-100-C, ImageNet-C and Tiny-ImageNet-C; C-bar and 3DCC.

Hendrycks & Dietterich, ICLR 2019, arXiv:1903.12261; for C-bar and 3DCC see `published_sets.py`. Those of CIFAR are one
file a corruption, <name>.npy, which holds the whole test set at severity 1, then at 2, to 5, and labels.npy; the others
are folders <name>/<severity>/<class>/.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.core.errors import BadInput
from bench.data.dataset import Dataset, Source
from bench.data.image_files import names
from bench.data.image_folder import read_folder
from bench.data.images import Images
from bench.data.layouts import open_npy
from bench.data.published_sets import FileSet

SETS = {
    "cifar10": "CIFAR-10-C",
    "cifar100": "CIFAR-100-C",
    "tiny-imagenet": "Tiny-ImageNet-C",
    "imagenet": "ImageNet-C",
}
SEVERITIES = (1, 2, 3, 4, 5)  # of every corruption, published or made here
DIGEST_SAMPLE = 64  # number of images that the digest of a file is made of


@dataclass(frozen=True)
class PublishedCorruption:
    """One corruption at one severity as its authors published it."""

    folder: Path
    name: str
    severity: int
    dataset: Dataset
    total: int  # test images
    set_name: str  # in rows
    severity_folder: str  # where images are in folders

    def images(self, ids: NDArray[np.int64]) -> Tensor:
        """Read test images (B, C, H, W) uint8. ids: (B,), their places in the test order."""
        if self._file.exists():
            block = self._array()[self.total * (self.severity - 1) :][ids]
            return torch.from_numpy(np.ascontiguousarray(block.transpose(0, 3, 1, 2)))
        source = self._source()
        return torch.from_numpy(source.pixels(source.order("test")[ids]))

    def labels(self) -> NDArray[np.int64]:
        """Labels (N,) of all test images, in test order; BadInput if the file does not fit."""
        if not self._file.exists():
            source = self._source()
            return source.y[source.order("test")]
        path = self.folder / "labels.npy"
        y = open_npy(path)
        if y.shape != (self.total * len(SEVERITIES),) or not np.issubdtype(y.dtype, np.integer):
            wanted = f"whole numbers ({self.total * len(SEVERITIES)},)"
            raise BadInput(f"{path} holds labels {y.dtype} {y.shape}; {self.dataset.name} needs {wanted}")
        return y[self.total * (self.severity - 1) :][: self.total].astype(np.int64)

    def check(self, test: Images) -> None:
        """BadInput if the labels are not those of the test images in the same order."""
        y = self.labels()
        if len(y) != len(test) or (y != test.y.cpu().numpy()).any():
            raise BadInput(
                f"{self.folder.name}/{self.name} at severity {self.severity} has {len(y)} labels that are not those of "
                f"the {len(test)} test images of {self.dataset.name} in their order; use the official files of both"
            )

    def digest(self) -> str:
        """Eight hexadecimal digits that change with the file: the hash of DIGEST_SAMPLE images spread over it."""
        chosen = np.unique(np.linspace(0, self.total - 1, DIGEST_SAMPLE).astype(np.int64))
        return sha256(self.images(chosen).numpy().tobytes()).hexdigest()[:8]

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.name}.npy"

    def _array(self) -> NDArray[np.uint8]:
        found, (channels, height, width) = open_npy(self._file), self.dataset.shape
        wanted = (self.total * len(SEVERITIES), height, width, channels)
        if found.dtype != np.uint8 or found.shape != wanted:
            raise BadInput(f"{self._file} is {found.dtype} {found.shape}; it must be uint8 {wanted}")
        return found

    def _source(self) -> Source:
        return _folder(self.folder / self.name, self.dataset, self.severity_folder)


def find_official(name: str, severity: int, dataset: Dataset, total: int, data_dir: Path) -> PublishedCorruption | None:
    """Find the published images of a corruption for a data set; None if they are not there."""
    folder = official_folder(dataset, data_dir)
    if folder and ((folder / f"{name}.npy").exists() or (folder / name / str(severity)).is_dir()):
        return PublishedCorruption(folder, name, severity, dataset, total, folder.name, str(severity))
    return None


def find_in_file_set(
    found: FileSet, name: str, severity: int, dataset: Dataset, total: int, data_dir: Path
) -> PublishedCorruption:
    """Find the images of a corruption of C-bar or 3DCC; BadInput if they are not there, as none are generated."""
    folder = next((data_dir / entry for entry in _folders(data_dir) if _plain(entry) == _plain(found.name)), None)
    what = f"{found.name}, published at {found.published}"
    if folder is None:
        raise BadInput(
            f"no {found.name} under {data_dir} for {name}, which is not generated here; put there {what}, "
            "or name another --data-dir (or by the variable BENCH_DATA)"
        )
    places = [place for place in found.severity_folders(name, severity) if (folder / name / place).is_dir()]
    if not places and not (folder / f"{name}.npy").exists():
        raise BadInput(
            f"{folder} has neither {name}.npy nor {name}/{severity}/<class>/; complete it as {what}, or name other "
            "--corruptions or --severities"
        )
    place = places[0] if places else str(severity)
    return PublishedCorruption(folder, name, severity, dataset, total, found.name, place)


def _folders(data_dir: Path) -> list[str]:
    return names(data_dir, folders=True) if data_dir.is_dir() else []


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def official_folder(dataset: Dataset, data_dir: Path) -> Path | None:
    """The folder of the published images for a data set; None if it is not there."""
    folder = data_dir / SETS.get(dataset.name, "")
    return folder if folder != data_dir and folder.is_dir() else None


@lru_cache(256)
def _folder(root: Path, dataset: Dataset, severity_folder: str) -> Source:
    return read_folder(root, dataset.classes, dataset.shape, severity_folder, root)
