"""`benchmark(model, ...)`, with the signature of RobustBench's function.

Croce et al., "RobustBench: a standardized adversarial robustness benchmark", NeurIPS 2021, arXiv:2010.09670.
"""

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import torch
from torch import nn

from bench.attacks.parse import parse_attack
from bench.commands.evaluate.model_info import MeasuredAccuracies, model_info, read_model_info
from bench.core.device import parse_device, set_deterministic
from bench.core.errors import BadInput
from bench.core.files import DATA_DIR, expand_home, write_json
from bench.core.threats.threat import NORMS, Threat
from bench.data.dataset import Dataset
from bench.data.images import Images
from bench.data.lookup import dataset as named
from bench.data.published_corruptions import SEVERITIES
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.conditions.clean import Clean
from bench.evaluation.corruption_conditions import corruption_conditions
from bench.evaluation.evaluator import outcomes
from bench.evaluation.external.model_checks import model_warnings
from bench.evaluation.external.robustbench_zoo import ROBUSTBENCH_THREATS, network_class
from bench.models.modes import set_eval
from bench.runner.grid import threats_of
from bench.runner.request import Request

CORRUPTIONS = ("imagenet-c",)  # the fifteen that RobustBench averages over
# RobustBench's radii for norms other than the data set's default
BOARD_RADIUS = {("cifar10", "L2"): 0.5, ("imagenet", "L2"): 3.0}
PREPROCESSING = "Res256Crop224"  # RobustBench's name of the preprocessing of ImageNet here

log = logging.getLogger("bench")


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
    with _restore_modes(model), _log_to_file(log_path):
        for doubt in model_warnings(set_eval(model.to(place)), data, test, attacked=ball is not None):
            warnings.warn(doubt, stacklevel=2)
        clean, robust, verdict = _accuracies(model, data, test, ball, n, where, batch_size)
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


def _accuracies(
    model: nn.Module, data: Dataset, test: Images, ball: Threat | None, n: int, where: Path, batch_size: int
) -> tuple[float, float, str]:
    """Clean accuracy, accuracy under AutoAttack in the ball (None: over corruptions), and the verdict on the latter."""
    clean = float(outcomes(model, test, Clean(), n=n, batch_size=batch_size).right.mean())
    log.info("Clean accuracy: %.2f%%", 100 * clean)
    if ball is None:
        robust, verdict = _corruption_accuracy(model, data, test, n, where, batch_size), "ok"
    else:
        condition = Attacked(parse_attack("AutoAttack"), ball)
        outcome = outcomes(model, test, condition, n=n, batch_size=batch_size)
        robust, verdict = float(outcome.right.mean()), outcome.verdict
    log.info("Adversarial accuracy: %.2f%%", 100 * robust)
    return clean, robust, verdict


def _corruption_accuracy(model: nn.Module, data: Dataset, test: Images, n: int, where: Path, batch_size: int) -> float:
    """Mean accuracy over all corruptions and severities, on the published images if they are there."""
    found = []
    for condition in corruption_conditions(CORRUPTIONS, SEVERITIES, data, test, where):
        found.append(float(outcomes(model, test, condition, n=n, batch_size=batch_size).right.mean()))
        log.info("%s: %.2f%% accuracy", condition.label, 100 * found[-1])
    return sum(found) / len(found)


@contextmanager
def _restore_modes(model: nn.Module) -> Iterator[None]:
    """Put every submodule back into training or eval mode, as it was, after the block."""
    modes = {m: m.training for m in model.modules()}
    try:
        yield
    finally:
        for m, mode in modes.items():
            m.training = mode


@contextmanager
def _log_to_file(path: Path | str | None) -> Iterator[None]:
    """Inside the block, append messages of the evaluation and of AutoAttack to a file."""
    if path is None:
        yield
        return
    try:
        handler = logging.FileHandler(Path(path).expanduser(), encoding="utf-8")
    except OSError as error:
        raise BadInput(f"log_path {path} cannot be written ({error.strerror}); name another file") from error
    loggers = {logger: logger.level for logger in (log, logging.getLogger("auto-attack"))}
    try:
        for logger in loggers:
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
        yield
    finally:
        for logger, level in loggers.items():
            logger.removeHandler(handler)
            logger.setLevel(level)
        handler.close()
