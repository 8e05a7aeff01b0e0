"""A paper's table as a value: its printed numbers, and what of ours each is to be compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from bench.papers import printed
from bench.studies.items import Item, Where

Kind = Literal["accuracy", "spread", "score", "gradient", "cosine", "seconds"]

DATASETS = {
    "CIFAR-10": "cifar10",
    "CIFAR-100": "cifar100",
    "SVHN": "svhn",
    "Tiny ImageNet": "tiny-imagenet",
    "ImageNet": "imagenet",
    "ImageNet-100": "imagenet-100",
}
MODELS = {
    "WRN-16-8": "wrn-16-8",
    "WRN-28-10": "wrn-28-10",
    "WRN-34-10": "wrn-34-10",
    "ResNet-18": "resnet18",
    "DenseNet-121": "densenet121",
    "Preact-18": "preact-resnet18",
    "PreActResNet18": "preact-resnet18",
    "ResNeXt-29": "resnext29-2x64d",
    "ResNet-50": "resnet50",
    "ResNeXt-50 32x4d": "resnext50-32x4d",
}
TITLES = {
    "none": "Clean",
    "clean_mean": "mean",
    "clean_std": "std",
    "grad_sq_l2_min": "min",
    "grad_sq_l2_mean": "mean",
    "grad_sq_l2_max": "max",
}
HEADS = {
    "dataset": "Data set",
    "architecture": "Network",
    "method": "Method",
    "variant": "Setting",
    "metric": "Of seeds",
}


@dataclass(frozen=True)
class Reading:
    """What of ours a printed number stands beside."""

    kind: Kind
    attack: str = ""  # as --attacks takes it, a step as `step=2px`; empty: clean images
    eps: float = 8.0  # in 1/255, of CIFAR-10
    corruption: str = ""
    statistic: str = ""  # of a gradient: `mean all`; of a cosine: `running_mean 3`, the layer counted from 0
    other_seed: bool = False  # the images are crafted on the recipe itself, trained with another seed
    crafter: str = ""  # the architecture that they are crafted on, where it is another


@dataclass(frozen=True)
class Number:
    """One printed number and its place."""

    line: tuple[str, ...]
    column: str
    value: str  # as printed; empty where a dash is, or where it is not readable
    recipe: str  # empty where it is none of ours
    view: str
    source: str  # recipe that crafted the images
    where: Where
    reading: Reading | None

    @property
    def printed(self) -> float:
        return float(self.value) if self.value else float("nan")


@dataclass(frozen=True)
class Table:
    """Layout and reading of one printed table.

    lines, columns: the fields of the printed numbers (`bench.papers`) that tell them apart, in order.
    attacks:  printed name -> ours. second: another reading of a column, beside the first.
    tag:      how the paper normalises its images, a tag of model names.
    """

    paper: str  # file name of its numbers
    name: str
    about: str
    attacks: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ("dataset", "architecture", "method", "variant")
    columns: tuple[str, ...] = ("attack", "epsilon")
    second: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    tag: str = ""
    epochs: int | None = None
    eps: float | None = None  # in 1/255, where none is printed
    crafter: str = ""
    seeds: int = 1
    epoch: Literal["last", "best"] = "last"  # which of its models the paper reports

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the columns that say what a line is."""
        return tuple(HEADS[name] for name in self._lines(self._rows()))

    def numbers(self) -> tuple[Number, ...]:
        return _numbers(self)

    def item(self) -> Item:
        return Item(self.name, self.about, tuple(parts_of(self)), self)

    def _rows(self) -> pd.DataFrame:
        rows = printed(self.paper)
        return rows[rows["table"] == self.name]
