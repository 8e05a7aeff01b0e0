"""AutoAttack and the attacks that it is made of, by their official code (package `pyautoattack`).

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

from bench.attacks.ascent import Ascent
from bench.attacks.search import gradient, in_batches, search
from bench.attacks.spec import ATTACKS
from bench.core.errors import AttackWarning, BadInput
from bench.core.losses import margin
from bench.core.rng import image_stream
from bench.core.threat import L2, Threat

PACKAGE = "pyautoattack"  # its version is part of every result
VERSIONS = ("standard", "plus", "rand")
CLASSES = {"apgd-dlr": 3, "apgd-t": 4}  # that its losses need
PASSES = {  # forward, of an image that survives; a backward counted as two. AutoAttack: APGD, FAB-T and 5,000 queries
    "apgd-ce": 300.0, "apgd-t": 2700.0, "fab-t": 3600.0, "square": 5000.0, "rand": 12_000.0,
}  # fmt: skip
STANDARD = 8000.0  # of the whole standard version
NAMES = {
    "AutoAttack": "standard",  # APGD-CE, APGD-T, FAB-T and Square, each on what the ones before it left standing
    "AutoAttack+": "plus",
    "AutoAttack-rand": "rand",
    "APGD-CE": "apgd-ce",
    "APGD-T": "apgd-t",
    "FAB-T": "fab-t",
    "Square": "square",
}

DOUBTS = {  # what the package's warnings say -> what the bench calls it
    "randomized defense": "outputs are randomised",
    "probability distribution": "outputs are probabilities, not logits",
    "dynamic defense": "the model computes gradients of its own",
    "zero gradient": "zero gradients",
    "Square Attack has decreased": "Square beats the white-box attacks",
}


def official(model: nn.Module, x: Tensor, y: Tensor, threat: Threat, block: int, which: str) -> Tensor:
    """Run a version of the package (standard, plus, rand), or one attack of the standard version with its settings.

    Draws depend on torch's generator alone (the package's default would be the clock). With too few classes for them
    the targeted attacks take all wrong ones, and what a version has on the DLR loss is left out; so is Square in L2 on
    images of a size that it cannot compute.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf` or `L2`.
        block: images that the package sees at a time.
        which: a version, or an attack as the package calls it.

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1]; where the attack has failed, the clean image.

    Raises:
        BadInput: the model has too few classes for it, gives its images no gradient, or the images are of a size that
            Square cannot compute.
    """
    from pyautoattack import AutoAttack, checks

    seed = int(torch.randint(2**31, ()))  # before the package reseeds the generator
    version = which if which in VERSIONS else "standard"
    package = AutoAttack(model, device=x.device, eps=threat.eps, norm=type(threat).__name__, seed=seed, version=version)
    if version != which:
        package.attacks_to_run = [which]
    classes = _classes(model, x, slopes=which != "square")
    few = [name for name in package.attacks_to_run if classes < CLASSES.get(name, 2)]
    package.attacks_to_run = [name for name in package.attacks_to_run if name not in few]
    if not package.attacks_to_run:
        raise BadInput(f"it needs {CLASSES[which]} classes and the model has {classes}; leave it out")
    for name in few:
        warnings.warn(AttackWarning(f"no {name.upper()} with {classes} classes", len(x)), stacklevel=3)
    if "square" in package.attacks_to_run and isinstance(threat, L2) and not square_tiles(*x.shape[2:]):
        package.attacks_to_run.remove("square")
        size = f"{x.shape[2]} x {x.shape[3]} pixels"
        if not package.attacks_to_run:
            raise BadInput(f"the package's Square cannot tile images of {size} in L2; leave it out, or take Linf")
        warnings.warn(AttackWarning(f"no SQUARE in L2 on {size}", len(x)), stacklevel=3)
    package.apgd_targeted.n_target_classes = package.fab.n_target_classes = min(9, classes - 1)
    checks.funcs.update(dict.fromkeys(checks.funcs, 0))  # counts of the process so far, never reset by the package
    with _doubts(len(x)):
        x_adv, _ = package.run_standard_evaluation(x, y, batch_size=block)
    allowed = threat.project(x_adv.detach(), x)  # its last float operations may leave an L2 ball by 1e-6
    return allowed if (allowed - x_adv).abs().max() < 1e-5 else x_adv.detach()


def square_tiles(height: int, width: int) -> bool:
    """Whether the package's Square can compute in L2: it begins with tiles that must fit in, a fifth of the height."""
    tile = height // 5
    if tile < 2:
        return tile == 1  # one pixel more than there is does no harm
    corner = (height - 5 * tile) // 2
    return all(corner + side // tile * tile <= side for side in (height, width))


def _classes(model: nn.Module, x: Tensor, slopes: bool) -> int:
    """How many the model has. BadInput if slopes are needed and it has none: the package would only stop."""
    one = x[:1].clone().requires_grad_(slopes)
    logits = model(one)
    if slopes:
        gradient(logits.sum(1), one)
    return int(logits.shape[1])


def screened(model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, screen: int = 10, block: int = 128) -> Tensor:
    """AutoAttack.screened: the standard version on the images that our own CW-k does not break, for fewer passes.

    It is not AutoAttack: where the two break different images, the package draws for different images too. Whether
    CW-k breaks an image is judged by the attacked copy; the evaluator attacks it again if the model disagrees.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf` or `L2`.
        screen: steps of CW-k, of a quarter of eps.
        block: images that the package sees at a time.

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1].

    Raises:
        BadInput: as of `official`.
    """
    with image_stream(range(len(x)), "screen", int(torch.randint(2**31, ()))):  # or draws would follow the batch size
        x_adv = search(model, Ascent(threat, screen, threat.eps / 4), margin, x, y)
    with torch.no_grad():
        standing = in_batches(model, x_adv).argmax(1) == y
    if standing.any():
        x_adv[standing] = official(model, x[standing], y[standing], threat, block, "standard")
    return x_adv


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


def _add(name: str, which: str) -> None:
    def attack(model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, block: int = 128) -> Tensor:
        return official(model, x, y, threat, block, which)

    attack.package = PACKAGE  # type: ignore[attr-defined]
    attack.classes = CLASSES.get(which, 2)  # type: ignore[attr-defined]
    attack.passes = lambda settings: PASSES.get(which, STANDARD)  # type: ignore[attr-defined]
    attack.black_box = which == "square"  # type: ignore[attr-defined]
    attack.__doc__ = f"{name}: {official.__doc__}"
    ATTACKS.add(name, attack)


for name, which in NAMES.items():
    _add(name, which)
screened.package = PACKAGE  # type: ignore[attr-defined]
screened.passes = lambda settings: STANDARD  # type: ignore[attr-defined]
ATTACKS.add("AutoAttack.screened", screened)
