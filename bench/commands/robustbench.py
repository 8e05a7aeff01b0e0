"""`benchmark(model, ...)`, with the signature of RobustBench's function.

Croce et al., "RobustBench: a standardized adversarial robustness benchmark", NeurIPS 2021, arXiv:2010.09670.
"""

import re
import warnings
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

import torch
from torch import nn

from bench.commands.evaluate.model_info import MeasuredAccuracies, model_info, read_model_info
from bench.commands.robustbench_accuracies import TestedModel, log_to_file, measure_accuracies, restore_modes
from bench.core.device import parse_device, set_deterministic
from bench.core.errors import BadInput
from bench.core.files import DATA_DIR, expand_home, write_json
from bench.core.threats.threat import NORMS
from bench.data.dataset import Dataset
from bench.data.lookup import dataset as named
from bench.evaluation.external.model_checks import model_warnings
from bench.evaluation.external.robustbench_zoo import ROBUSTBENCH_THREATS, network_class
from bench.models.modes import set_eval
from bench.runner.grid import threats_of
from bench.runner.request import Request

# RobustBench's radii for norms other than the data set's default
BOARD_RADIUS = {("cifar10", "L2"): 0.5, ("imagenet", "L2"): 3.0}
PREPROCESSING = "Res256Crop224"  # RobustBench's name of the preprocessing of ImageNet here


def benchmark(
    model: nn.Module,
    n_examples: int = 10_000,
    dataset: str | Enum = "cifar10",
    threat_model: str | Enum = "Linf",
    to_disk: bool = False,
    model_name: str | None = None,
    data_dir: Path | str = DATA_DIR,
    device: torch.device | str | None = None,
    batch_size: int = 128,
    eps: float | None = None,
    log_path: Path | str | None = None,
    preprocessing: str | Callable[..., object] | None = None,
) -> tuple[float, float]:
    """Measure clean accuracy, and accuracy under the standard AutoAttack or over corruptions.

    The arguments and their order are those of RobustBench's function. Source: Croce et al. 2021, arXiv:2010.09670.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K); it is moved to the device and evaluated in eval mode.
            Doubts about it are given as warnings.
        n_examples: number of test images, the first ones; all if there are fewer.
        dataset: name of the data set.
        threat_model: Linf, L2 or corruptions: the mean over the fifteen of ImageNet-C at five severities.
        to_disk: write model_info/<data set>/<threat model>/<model_name>.json; fields that people added are kept.
        model_name: name of that file, if to_disk.
        data_dir: the folder of data sets.
        device: None for the CPU.
        batch_size: affects speed, never results.
        eps: radius in [0, 1] pixel units; None for the data set's default radius, or that of RobustBench's board.
        log_path: file that messages of the evaluation are appended to.
        preprocessing: None, or Res256Crop224, which is how ImageNet is always preprocessed here.

    Returns:
        Clean accuracy and robust accuracy, as fractions from 0 to 1.

    Raises:
        BadInput: the model cannot be evaluated, or an argument is not valid.
        Failed: the model or the attack raises an error, or returns something invalid.

    Example:
        >>> import torch
        >>> from bench import benchmark
        >>> _ = torch.manual_seed(0)
        >>> untrained = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
        >>> clean, robust = benchmark(untrained, n_examples=2, dataset="digits", threat_model="Linf", eps=0.2)
        >>> 0.0 <= robust <= clean <= 1.0
        True
    """
    data_name, threat = _text(dataset), _text(threat_model)
    _check(model, data_name, threat, n_examples, eps, preprocessing)
    path = _info_path(data_name, threat, model_name) if to_disk else None
    facts = read_model_info(path) if path else {}
    set_deterministic()
    where = expand_home(data_dir)
    data, place = named(data_name, where), parse_device(str(device or "cpu"))
    radius = _radius(data, threat, eps)
    ball = None if radius is None else NORMS[threat](radius)
    test = data.load("test", where).to(place)
    n = min(n_examples, len(test))
    with restore_modes(model), log_to_file(log_path):
        for doubt in model_warnings(set_eval(model.to(place)), data, test, attacked=ball is not None):
            warnings.warn(doubt, stacklevel=2)
        tested = TestedModel(model, data, test, n, where, batch_size)
        clean, robust, verdict = measure_accuracies(tested, ball)
    if path:
        name, kind = str(model_name), network_class(model)
        found = MeasuredAccuracies(name, kind, data.name, radius, clean, robust, n, n < len(test), verdict)
        write_json(path, model_info(found, facts))
    return clean, robust


def _text(name: str | Enum) -> str:
    """The text of a name, which may be one of RobustBench's enums."""
    return str(name.value if isinstance(name, Enum) else name)


def _check(model: object, dataset: str, threat: str, n_examples: int, eps: float | None, preprocessing: object) -> None:
    """BadInput for arguments that are not valid, before anything is read."""
    if isinstance(model, Sequence) or not isinstance(model, nn.Module):
        raise BadInput(f"model is a {type(model).__name__}; give one torch.nn.Module")
    if threat not in ROBUSTBENCH_THREATS:
        raise BadInput(f"threat_model {threat!r} is none of {', '.join(ROBUSTBENCH_THREATS)}")
    if n_examples < 1:
        raise BadInput(f"n_examples={n_examples}: at least one image is needed")
    if threat == "corruptions" and eps is not None:
        raise BadInput(f"eps={eps:g} is of Linf and L2; corruptions have none, leave it out")
    if preprocessing not in (None, PREPROCESSING):
        cut = f"ImageNet is cut as by {PREPROCESSING}, other images are taken as they are"
        raise BadInput(f"preprocessing {preprocessing!r}: {cut}; let the model's first layer do the rest")


def _radius(data: Dataset, threat: str, eps: float | None) -> float | None:
    """The radius of the threat model; None for corruptions."""
    if threat == "corruptions":
        return None
    if eps is None and type(data.threat) is NORMS[threat]:
        return data.threat.eps
    chosen = BOARD_RADIUS.get((data.name, threat)) if eps is None else eps
    if chosen is None:
        raise BadInput(f"threat_model {threat} on {data.name} has no default radius; give eps")
    return threats_of(Request(eps=(chosen,), norm=threat), data)[0].eps


def _info_path(dataset: str, threat: str, name: str | None) -> Path:
    """The path where RobustBench looks for the file of a model."""
    if name is None or not re.fullmatch(r"\w[\w.+-]*", name):
        raise BadInput(f"to_disk needs a model_name of letters, digits, _, ., + and -, and it is {name!r}")
    if not re.fullmatch(r"\w[\w.+-]*", dataset):
        raise BadInput(f"to_disk names a folder by the data set, and {dataset!r} cannot be one; leave it out")
    return Path("model_info") / dataset / threat / f"{name}.json"
