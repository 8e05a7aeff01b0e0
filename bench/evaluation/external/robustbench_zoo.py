"""Models of RobustBench: robustbench:[THREAT/]NAME, which take images in [0, 1]."""

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from bench.core.errors import BadInput
from bench.core.registration.suggestion import suggestion
from bench.data.dataset import Dataset
from bench.evaluation.external.access import Access
from bench.evaluation.external.file_type import file_format
from bench.evaluation.external.loaded import LoadResult

ROBUSTBENCH_THREATS = ("Linf", "L2", "corruptions")  # of its boards; a name may be on several, with different weights
BOARDS = ("cifar10", "cifar100", "imagenet")


def network_class(net: nn.Module) -> str:
    """The class of a network, or the class of RobustBench's architectures that it extends."""
    shared = [base.__name__ for base in type(net).__mro__ if ".architectures." in base.__module__]
    return next(iter(shared), type(net).__name__)


def from_robustbench(name: str, dataset: Dataset, access: Access) -> LoadResult:
    """Load [THREAT/]NAME with its weights from robustbench/<data set>/<threat>/NAME.pt in the data folder.

    BadInput where there is no such model for the data set, or its weights are not there and may not be downloaded.
    """
    threat, slash, model = name.rpartition("/") if "/" in name else ("Linf", "/", name)
    if dataset.name not in BOARDS or threat not in ROBUSTBENCH_THREATS:
        raise BadInput(
            f"robustbench:{name} on {dataset.name}: it has models for {', '.join(BOARDS)}, and for the threats "
            f"{', '.join(ROBUSTBENCH_THREATS)}, as in robustbench:L2{slash}{model}"
        )
    with _provide_removed_modules():
        from robustbench.model_zoo import model_dicts
        from robustbench.model_zoo.enums import BenchmarkDataset, ThreatModel
        from robustbench.utils import load_model

    boards = {
        board: model_dicts[BenchmarkDataset(dataset.name)].get(ThreatModel(board), {}) for board in ROBUSTBENCH_THREATS
    }
    if model not in boards[threat]:
        near = suggestion(model, list(boards[threat]), "`robustbench.model_zoo.model_dicts`")
        others = [f"robustbench:{board}/{model}" for board in ROBUSTBENCH_THREATS if model in boards[board]]
        elsewhere = f"; on another board there is {' and '.join(others)}" if others else ""
        raise BadInput(f"RobustBench has no {threat} model {model!r} for {dataset.name}; {near}{elsewhere}")
    folder = access.data_dir / "robustbench"
    files = {
        board: _robustbench_files(folder, dataset.name, board, model, boards[board]) for board in ROBUSTBENCH_THREATS
    }
    there = [board for board in ROBUSTBENCH_THREATS if files[board] and all(path.is_file() for path in files[board])]
    missing = [path for path in files[threat] if not path.is_file()]
    if missing and not access.download:
        way_out = "put it there, or give --download"
        if there:
            way_out += f"; its weights of {', '.join(there)} are: robustbench:{there[0]}/{model}"
        raise BadInput(f"robustbench:{name} needs {missing[0]}, which is not there; {way_out}")
    for path in set(files[threat]) - set(missing):
        file_format(path)
    net: nn.Module = load_model(model, folder, dataset.name, threat)
    several = f"weights of {', '.join(there)} are there; {threat} is evaluated, robustbench:THREAT/{model} chooses"
    return LoadResult(net, (several,) if len(there) > 1 and "/" not in name else ())


def _robustbench_files(folder: Path, dataset: str, threat: str, model: str, board: Mapping[str, Any]) -> list[Path]:
    """Where RobustBench looks for a model's weights: one file, or one for each member of an ensemble."""
    if model not in board or (dataset == "imagenet" and "Standard" in model):  # its weights come from torchvision
        return []
    place, ids = folder / dataset / threat / f"{model}.pt", board[model]["gdrive_id"]
    return [Path(f"{place}_m{i}.pt") for i in range(len(ids))] if isinstance(ids, list) else [place]


@contextmanager
def _provide_removed_modules() -> Iterator[None]:
    """Inside the block RobustBench can import autoattack and pkg_resources, which may not be installed any more."""
    import pyautoattack
    import pyautoattack.autoattack
    import pyautoattack.state

    resources = ModuleType("pkg_resources")
    modules = {"autoattack": pyautoattack, "autoattack.state": pyautoattack.state, "pkg_resources": resources}
    modules = {name: module for name, module in modules.items() if not find_spec(name.partition(".")[0])}
    sys.modules.update(modules)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports timm by deprecated names
            yield
    finally:
        for name in modules:
            del sys.modules[name]
