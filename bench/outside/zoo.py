"""torchvision:NAME, timm:NAME, robustbench:[THREAT/]NAME. The only place that knows these packages' ways.

Their models take normalised images, so their own mean and std become a first layer; RobustBench's take [0, 1].
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from bench.data import Dataset
from bench.errors import BadInput
from bench.models.normalise import Normalise
from bench.outside.access import Access, confined
from bench.outside.loaded import Loaded
from bench.registry import suggestion

THREATS = ("Linf", "L2", "corruptions")  # RobustBench's boards: one name may stand on several, with other weights
BOARDS = ("cifar10", "cifar100", "imagenet")


@dataclass(frozen=True)
class Zoo:
    """A model by the name that a package gives it."""

    package: str
    entry: str

    epoch, view, dataset, trained_here = "last", "main", None, False

    def __str__(self) -> str:
        return f"{self.package}:{self.entry}"

    @property
    def name(self) -> str:
        """As rows and folders call it."""
        return f"{self.package}.{self.entry.replace('/', '-')}"

    def load(self, dataset: Dataset, access: Access) -> Loaded:
        """BadInput where the package, the name or the weights are missing."""
        if not _installed(self.package):
            raise BadInput(
                f"{self} needs the package {self.package}, which is not installed; pip install {self.package}"
            )
        with confined(str(self), access):
            return Loaded(ZOOS[self.package](self.entry, dataset, access))

    def origin(self, net: nn.Module) -> str:
        """The package, whose code the logits come from."""
        return f"{self.package} {version(self.package)}"


def from_torchvision(name: str, dataset: Dataset, access: Access) -> nn.Module:
    """Its default weights, from torch's own cache of downloads."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise BadInput(f"torchvision has no classifier named {name!r}; {suggestion(name, known)}")
    weights = models.get_model_weights(name).DEFAULT
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not path.is_file() and not access.download:
        raise BadInput(f"torchvision:{name} needs {path}, which is not there; put it there, or give --download")
    preset = weights.transforms()
    return nn.Sequential(Normalise(tuple(preset.mean), tuple(preset.std)), models.get_model(name, weights=weights))


def from_timm(name: str, dataset: Dataset, access: Access) -> nn.Module:
    """Its pretrained weights, from the Hugging Face cache."""
    import timm

    if not timm.is_model(name.partition(".")[0]):
        raise BadInput(f"timm has no model named {name!r}; {suggestion(name, timm.list_models(pretrained=True))}")
    net = timm.create_model(name, pretrained=True)
    return nn.Sequential(Normalise(tuple(net.pretrained_cfg["mean"]), tuple(net.pretrained_cfg["std"])), net)


def from_robustbench(name: str, dataset: Dataset, access: Access) -> nn.Module:
    """Its weights from robustbench/<data set>/<threat>/NAME.pt below the data folder."""
    threat, slash, model = name.rpartition("/") if "/" in name else ("Linf", "/", name)
    if dataset.name not in BOARDS or threat not in THREATS:
        raise BadInput(
            f"robustbench:{name} on {dataset.name}: it has models for {', '.join(BOARDS)}, and for the threats "
            f"{', '.join(THREATS)}, as in robustbench:L2{slash}{model}"
        )
    with _robustbench_as_it_expects():
        from robustbench.model_zoo import model_dicts
        from robustbench.model_zoo.enums import BenchmarkDataset, ThreatModel
        from robustbench.utils import load_model

    known = model_dicts[BenchmarkDataset(dataset.name)][ThreatModel(threat)]
    if model not in known:
        near = suggestion(model, list(known))
        raise BadInput(f"RobustBench has no {threat} model {model!r} for {dataset.name}; {near}")
    folder = access.data_dir / "robustbench"
    files = folder / dataset.name / threat / f"{model}.pt"
    if not access.download and not list(files.parent.glob(f"{files.name}*")):
        raise BadInput(f"robustbench:{name} needs {files}, which is not there; put it there, or give --download")
    net: nn.Module = load_model(model, folder, dataset.name, threat)
    return net


ZOOS: dict[str, Callable[[str, Dataset, Access], nn.Module]] = {
    "torchvision": from_torchvision,
    "timm": from_timm,
    "robustbench": from_robustbench,
}


def _installed(package: str) -> bool:
    """By its own name: other wheels carry folders of the same name, such as torchattacks an old robustbench."""
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


@contextmanager
def _robustbench_as_it_expects() -> Iterator[None]:
    """Inside the block it finds two modules that it imports and that are gone: autoattack and pkg_resources."""
    import pyautoattack
    import pyautoattack.autoattack
    import pyautoattack.state

    resources = ModuleType("pkg_resources")
    lent = {"autoattack": pyautoattack, "autoattack.state": pyautoattack.state, "pkg_resources": resources}
    lent = {name: module for name, module in lent.items() if not find_spec(name.partition(".")[0])}
    sys.modules.update(lent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports timm by its old names
            yield
    finally:
        for name in lent:
            del sys.modules[name]
