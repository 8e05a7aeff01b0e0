"""AutoAttack, by its official code (package `pyautoattack`).

Croce, Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
ICML 2020, arXiv:2003.01690.
"""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.attacks import ATTACKS, AttackWarning
from bench.threat import Threat

DOUBTS = {  # what the package's warnings say -> what the bench calls it
    "randomized defense": "outputs are randomised",
    "probability distribution": "outputs are probabilities, not logits",
    "dynamic defense": "the model computes gradients of its own",
    "zero gradient": "zero gradients",
    "Square Attack has decreased": "Square beats the white-box attacks",
}


def autoattack(model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, block: int = 128) -> Tensor:
    """The standard version: APGD-CE, APGD-T, FAB-T and Square, each on what the ones before it left standing.

    Draws depend on torch's generator alone (the package's default would be the clock). With fewer than ten classes
    the targeted attacks take all wrong ones; with fewer than four APGD-T, whose loss needs four, is left out.
    """
    from pyautoattack import AutoAttack, checks

    seed = int(torch.randint(2**31, ()))  # before the package reseeds the generator
    official = AutoAttack(
        model, device=x.device, eps=threat.eps, norm=type(threat).__name__, seed=seed, version="standard"
    )
    with torch.no_grad():
        classes = model(x[:1]).shape[1]
    official.apgd_targeted.n_target_classes = official.fab.n_target_classes = min(9, classes - 1)
    if classes < 4:
        official.attacks_to_run = ["apgd-ce", "fab-t", "square"]
        warnings.warn(AttackWarning(f"no APGD-T with {classes} classes", len(x)), stacklevel=2)
    checks.funcs.update(dict.fromkeys(checks.funcs, 0))  # counts of the process so far, never reset by the package
    with _doubts(len(x)):
        x_adv, _ = official.run_standard_evaluation(x, y, batch_size=block)
    allowed = threat.project(x_adv.detach(), x)  # its last float operations may leave an L2 ball by 1e-6
    return allowed if (allowed - x_adv).abs().max() < 1e-5 else x_adv.detach()


@contextmanager
def _doubts(images: int) -> Iterator[None]:
    """Turn what the package logs as warnings into AttackWarnings, and keep it off the screen."""
    logger = logging.getLogger("auto-attack")
    seen: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
    doubts: dict[str, int] = {}
    for message in seen:
        reason = next((name for phrase, name in DOUBTS.items() if phrase in message), message)
        doubts[reason] = max(doubts.get(reason, 0), _concerned(message, images))
    for reason, concerned in doubts.items():
        warnings.warn(AttackWarning(reason, concerned), stacklevel=3)


def _concerned(message: str, images: int) -> int:
    """How many images of the block a warning is about; all of them unless it says."""
    if points := re.search(r"there are (\d+) points", message):
        return int(points[1])
    if share := re.search(r"accuracy of ([\d.]+)%", message):
        return round(float(share[1]) / 100 * images)
    return images


autoattack.package = "pyautoattack"  # type: ignore[attr-defined]  # its version is part of every result
ATTACKS.add("AutoAttack", autoattack)
