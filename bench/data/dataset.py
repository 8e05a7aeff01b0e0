"""Data sets: labelled images, with default threat model, architecture and budgets; and their registry."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.core.foreign.messages import reader_errors_as_bad_input
from bench.core.parsing import format_count
from bench.core.plan import Budget
from bench.core.registration.checks import check_name, instance_check
from bench.core.registry import Registry
from bench.core.threats.threat import Threat
from bench.data.files.fingerprint import FOLDER, is_large
from bench.data.files.image_list import ImageList, Shape
from bench.data.memory import DataMemory

if TYPE_CHECKING:
    from torch import Tensor

    from bench.data.images import Images

Split = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Source:
    """One split of a data set: its labels y (N,), and a function that reads the pixels of chosen images."""

    y: NDArray[np.int64]
    pixels: Callable[[NDArray[np.int64]], NDArray[np.uint8]]  # indices (n,) -> (n, C, H, W)
    ordered: bool  # whether the stored order is the official one and mixes classes; else test images are shuffled
    files: ImageList | None = None  # the files of the images, if each has one of its own

    def order(self, split: Split) -> NDArray[np.int64]:
        """Indices (N,) such that a limit n means the first n of them."""
        if split == "train":
            return stratified_order(self.y, even=True)
        return np.arange(len(self.y)) if self.ordered else stratified_order(self.y)


@dataclass(frozen=True)
class Dataset:
    """A data set: its properties and defaults, and `load`, which reads its images."""

    name: str
    classes: tuple[str, ...]
    shape: Shape  # C, H, W
    mean: tuple[float, ...]  # per channel, of pixels in [0, 1]
    std: tuple[float, ...]
    threat: Threat  # default of the evaluation, and the scale of the training radii
    model: str  # default on a CPU
    model_cuda: str
    pad: int  # pixels around an image before the random crop; 0: no crop
    flip: bool  # random left-right flips in training
    quick: Budget
    standard: Budget
    read: Callable[[Split, Path], Source]
    fetch: Callable[[Path], None] | None = None  # downloads the files that `read` needs; None: no download
    test_only: bool = False  # whether it has no training images: models are evaluated on it, and none is trained
    trained_on: "Dataset | None" = None  # of such a set, if there is one: the data set that its models are trained on

    def __post_init__(self) -> None:
        check_name("data set", self.name)  # which is the name of a folder of runs
        if isinstance(self.classes, str) or not all(isinstance(name, str) for name in self.classes):
            raise BadInput(f"data set {self.name} has the classes {self.classes!r}; they are a tuple of names")
        if len(self.classes) < 2:
            raise BadInput(
                f"data set {self.name} has {format_count(len(self.classes), 'class', 'classes')}; at least 2 are needed"
            )
        if len(self.shape) != 3 or not all(isinstance(size, int) and size > 0 for size in self.shape):
            raise BadInput(
                f"data set {self.name} has images of shape {self.shape}; (channels, height, width) are above 0"
            )
        if not len(self.mean) == len(self.std) == self.shape[0] or not all(s > 0 for s in self.std):
            raise BadInput(
                f"data set {self.name} has mean={self.mean} and std={self.std} for "
                f"{format_count(self.shape[0], 'channel')}; each "
                "has a mean, and a std above 0"
            )
        if not callable(self.read):
            raise BadInput(f"data set {self.name} is read by {self.read!r}, which is no function (split, data_dir)")
        if self.trained_on and (strange := set(self.classes) - set(self.trained_on.classes)):
            raise BadInput(
                f"data set {self.name} has the class {min(strange)}, which {self.trained_on.name}, that its models are "
                "trained on, has not"
            )

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def logit_places(self) -> tuple[int, ...] | None:
        """The places of its classes among the logits of its models; None if these are all of them, in their order."""
        if self.trained_on is None or self.trained_on.classes == self.classes:
            return None
        return tuple(map(self.trained_on.classes.index, self.classes))

    def check_trainable(self) -> None:
        """BadInput if it is a test set, on which nothing can be trained."""
        if self.test_only:
            train = f"train on {self.trained_on.name}" if self.trained_on else "train on another data set"
            raise BadInput(
                f"{self.name} is a test set without training images; {train}, and evaluate the model by "
                "`bench eval --model FOLDER` with this --dataset"
            )

    def load(
        self, split: Split, data_dir: Path, limit: int | None = None, memory: DataMemory | None = None
    ) -> "Images":
        """Load the first `limit` images of a split, or all of them, in an order that never changes.

        Classes of training images alternate, so that any limit is balanced (counts differ by at most one while no class
        has run out) and contains every smaller one.

        memory: what images may take. Those that do not fit stay in their files, and are decoded when they are used.

        Raises:
            BadInput: the data are missing or damaged, there are fewer than `limit` images, or they have no files of
                their own and do not fit into memory.
        """
        return self.take(self.source(split, data_dir), split, data_dir, limit, memory)

    def download(self, data_dir: Path) -> None:
        """Download the files, if the data set has a download; BadInput if it fails."""
        if self.fetch is not None:
            with reader_errors_as_bad_input(f"the download of data set {self.name}"):
                self.fetch(data_dir)

    def source(self, split: Split, data_dir: Path) -> Source:
        """Find the images of a split and read their labels, but no pixels; BadInput if it has none or reading fails."""
        if split == "train":
            self.check_trainable()
        with reader_errors_as_bad_input(f"the {split} split of data set {self.name}"):
            return self.read(split, data_dir)

    def take(
        self, source: Source, split: Split, data_dir: Path, limit: int | None = None, memory: DataMemory | None = None
    ) -> "Images":
        """As `load`, from the source of the split. Raises as `load`, but for missing data."""
        import torch  # which nothing else of this file needs

        from bench.data.arrays import check_labels
        from bench.data.files.file_pixels import FilePixels
        from bench.data.images import Images

        total, memory = len(source.y), memory or DataMemory()
        if limit is not None and not 1 <= limit <= total:
            raise BadInput(f"a limit of {limit} does not fit the {split} split of {self.name}; give 1 to {total}")
        chosen = source.order(split)[:limit]
        has_room, files = memory.has_room(len(chosen), self.shape), None
        with reader_errors_as_bad_input(f"the {split} split of data set {self.name}"):
            if source.files is not None and (not has_room or is_large((len(chosen), *self.shape))):
                ahead = memory.images_ahead(self.shape, f"image of {self.name}")
                states = source.files.states(chosen)
                files = FilePixels(source.files, chosen, states, ahead, data_dir / FOLDER)
            if files is not None and not has_room:
                x: Tensor | FilePixels = files
            else:
                memory.check(len(chosen), self.shape, f"{split} images of {self.name}", split == "train")
                x = torch.from_numpy(source.pixels(chosen))
                memory.keep(len(chosen), self.shape)
        try:
            y = torch.from_numpy(source.y[chosen])
            images = Images(x, y, files)
            check_labels(images.y, self.num_classes, "the data set")
        except (BadInput, TypeError) as error:
            raise BadInput(f"{split} split of data set {self.name}: {error}") from error
        return images


def stratified_order(y: NDArray[np.int64], *, even: bool = False) -> NDArray[np.int64]:
    """A fixed shuffle of indices (N,); prefixes have classes in their proportions or, with even, in equal numbers."""
    shuffle = np.random.RandomState(0).permutation(len(y))  # not default_rng: only this stream is frozen by NumPy
    labels = y[shuffle]
    rank = np.empty(len(y))
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum()) if even else (np.arange(members.sum()) + 0.5) / members.sum()
    return shuffle[np.argsort(rank, kind="stable")].astype(np.int64)


def check_dataset(name: str, item: object) -> str:
    """What is wrong with a data set registered by a name; empty if nothing is. The check of `DATASETS`."""
    if flaw := instance_check(Dataset, "wanted: a Dataset")(name, item):
        return flaw
    own = item.name if isinstance(item, Dataset) else ""
    return f"calls itself {own!r}; give it the name that it is registered by" if own != name else ""


DATASETS: Registry[Dataset] = Registry("data set", check_dataset, folder="bench.data.sets")
