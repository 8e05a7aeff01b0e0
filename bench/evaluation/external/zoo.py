"""The sources torchvision:NAME[@WEIGHTS], timm:NAME[.TAG] and robustbench:[THREAT/]NAME.

Models of torchvision and timm take normalised images, so a first layer normalises; those of RobustBench take [0, 1].
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from torch import nn

from bench.core.errors import BadInput
from bench.core.registration.suggestion import suggestion
from bench.data.dataset import Dataset
from bench.evaluation.external.access import Access
from bench.evaluation.external.file_type import file_format
from bench.evaluation.external.loaded import LoadResult
from bench.evaluation.external.restricted_loading import restrict_loading
from bench.evaluation.external.robustbench_zoo import from_robustbench, network_class
from bench.models.normalise import Normalise


@dataclass(frozen=True)
class Zoo:
    """A model of a package, by its name there."""

    package: str
    entry: str

    epoch, view, dataset, trained_here = "last", "main", None, False

    def __str__(self) -> str:
        return f"{self.package}:{self.entry}"

    @property
    def name(self) -> str:
        """Its name in rows and folders."""
        return f"{self.package}.{self.entry.replace('/', '-')}"

    def load(self, dataset: Dataset, access: Access) -> LoadResult:
        """Load the pretrained model. BadInput where the package, the name or the weights are missing."""
        if not _is_installed(self.package):
            extra = "'robustbench==1.1.1' 'setuptools<81'" if self.package == "robustbench" else self.package
            raise BadInput(f"{self} needs the package {self.package}, which is not installed; pip install {extra}")
        with restrict_loading(str(self), access):
            return ZOOS[self.package](self.entry, dataset, access)

    def origin(self, net: nn.Module) -> str:
        """The package and its version, which are part of the identity."""
        return f"{self.package} {version(self.package)}"

    def architecture(self, net: nn.Module) -> str:
        """The architecture. RobustBench names models after papers, so there it is the class of the network."""
        if self.package != "robustbench":
            return re.split("[@.]", self.entry)[0]
        return network_class(net)


def from_torchvision(entry: str, dataset: Dataset, access: Access) -> LoadResult:
    """Load NAME[@WEIGHTS] with its default weights or those named, from torch's cache of downloads.

    BadInput where torchvision has no such classifier or weights.
    """
    from torchvision import models

    name, _, choice = entry.partition("@")
    names = models.list_models(module=models)
    if name not in names:
        near = suggestion(name, names, "`torchvision.models.list_models()`")
        raise BadInput(f"torchvision has no classifier named {name!r}; {near}")
    every = models.get_model_weights(name)
    if choice and choice not in every.__members__:
        raise BadInput(f"torchvision:{name} has no weights {choice!r}; {suggestion(choice, list(every.__members__))}")
    weights = every[choice] if choice else every.DEFAULT
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    there = [one.name for one in every if (cache / Path(one.url).name).is_file()]
    path = cache / Path(weights.url).name
    if not path.is_file() and not access.download:
        others = f"; of {', '.join(there)} there are files, torchvision:{name}@{there[0]} takes them" if there else ""
        raise BadInput(f"torchvision:{name} needs {path}, which is not there; put it there, or give --download{others}")
    if path.is_file():
        file_format(path)
    several = f"files of {', '.join(there)} are there; {weights.name} is evaluated, torchvision:{name}@NAME chooses"
    preset = weights.transforms()
    net = nn.Sequential(Normalise(tuple(preset.mean), tuple(preset.std)), models.get_model(name, weights=weights))
    return LoadResult(net, (several,) if len(there) > 1 and not choice else ())


def from_timm(name: str, dataset: Dataset, access: Access) -> LoadResult:
    """Load NAME[.TAG] with its pretrained weights, from the Hugging Face cache.

    BadInput where timm has no such model or weights.
    """
    import timm

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = suggestion(name, timm.list_models(pretrained=True), "`timm.list_models(pretrained=True)`")
        raise BadInput(f"timm has no model named {name!r}; {near}")
    tags = timm.list_pretrained(f"{architecture}.*")
    net = timm.create_model(name, pretrained=True)
    config = net.pretrained_cfg
    several = (
        f"timm has {len(tags)} sets of weights for {name}; {name}.{config.get('tag')} is evaluated, "
        f"timm:{name}.TAG chooses among {', '.join(tags[:4])}{', ...' if len(tags) > 4 else ''}"
    )
    normalised = nn.Sequential(Normalise(tuple(config["mean"]), tuple(config["std"])), net)
    return LoadResult(normalised, (several,) if len(tags) > 1 and not tag else ())


ZOOS: dict[str, Callable[[str, Dataset, Access], LoadResult]] = {
    "torchvision": from_torchvision,
    "timm": from_timm,
    "robustbench": from_robustbench,
}


def _is_installed(package: str) -> bool:
    """Whether the package is installed. A module of its name is not enough: torchattacks brings a robustbench."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
