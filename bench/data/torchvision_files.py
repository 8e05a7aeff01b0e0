"""Official files of data sets, read and downloaded by torchvision."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.data.dataset import Source, Split
from bench.data.layouts import from_arrays, report_failed_download


@dataclass(frozen=True)
class TorchvisionFiles:
    """The official files of one data set below --data-dir."""

    name: str  # of the data set
    kind: str  # the class of torchvision.datasets
    arrays: Callable[
        [Any], tuple[NDArray[np.uint8], NDArray[Any]]
    ]  # from an instance of it: images (N, H, W, C), labels (N,)
    place: str  # path of the files; {split} in it is replaced by train or test
    fault: str  # for the message if torchvision cannot read them: what is wrong, and the way out
    by_split: bool = False  # whether the class takes split="train" instead of train=True
    errors: tuple[type[Exception], ...] = (RuntimeError, OSError)  # that torchvision raises if it cannot read them

    def read(self, data_dir: Path, split: Split) -> Source:
        """Read a split; BadInput if files are missing, or torchvision finds them damaged."""
        which = {"split": split} if self.by_split else {"train": split == "train"}
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "dtype")  # CIFAR's pickles are older than today's NumPy
                data = self.dataset_class(data_dir, download=False, **which)
        except self.errors:
            raise BadInput(f"{data_dir / self.place.format(split=split)} {self.fault}") from None
        return from_arrays(*self.arrays(data))

    def fetch(self, data_dir: Path) -> None:
        """Download the files unless they are there; BadInput if it fails."""
        with report_failed_download(self.name, data_dir):
            for which in ({"split": "train"}, {"split": "test"}) if self.by_split else ({},):
                self.dataset_class(data_dir, download=True, **which)

    @property
    def dataset_class(self) -> Callable[..., Any]:
        """The class of torchvision."""
        import torchvision.datasets

        return getattr(torchvision.datasets, self.kind)  # type: ignore[no-any-return]
