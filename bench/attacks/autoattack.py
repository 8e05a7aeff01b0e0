"""AutoAttack and its component attacks, by their official code (package `pyautoattack`).

Croce, Hein, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks",
ICML 2020, arXiv:2003.01690. APGD-DLR ascends on its eq. (6), the difference of logits ratio, which is the same for a
model whose logits are all multiplied: DLR(x, y) = -(z_y - max_{i != y} z_i) / (z_1st - z_3rd), where z_1st and z_3rd
are the largest logit and the third largest. APGD-T ascends on the targeted form, eq. (7).
"""

import warnings

import torch
from torch import Tensor, nn

from bench.attacks.package_passes import BreakRecorder, repeats_logits, stop_when_broken
from bench.attacks.package_warnings import warnings_as_attack_warnings
from bench.attacks.searches.gradients import gradient
from bench.attacks.spec import ATTACKS
from bench.core.errors import AttackWarning, BadInput
from bench.core.parsing import format_count
from bench.core.threats.linf import Linf
from bench.core.threats.threat import Threat

PACKAGE = "pyautoattack"  # its version is part of every result
VERSIONS = ("standard", "plus", "rand")
CLASSES = {"apgd-dlr": 3, "apgd-t": 4}  # smallest number of classes that the loss is defined for
PASSES = {  # forward, of an image that survives; a backward counted as two. AutoAttack: APGD, FAB-T and 5,000 queries
    "apgd-ce": 300.0, "apgd-dlr": 300.0, "apgd-t": 2700.0, "fab-t": 3600.0, "square": 5000.0, "rand": 12_000.0,
}  # fmt: skip
PASSES_OF_STANDARD = 8000.0  # of the whole standard version
NAMES = {  # what the package calls it, and what it is
    "AutoAttack": ("standard", "APGD-CE, APGD-T, FAB-T and Square, each on what those before it left standing"),
    "AutoAttack+": ("plus", "AutoAttack's longer version, with untargeted FAB and more restarts"),
    "AutoAttack-rand": ("rand", "AutoAttack's version for random models: gradients averaged over 20 calls"),
    "APGD-CE": ("apgd-ce", "PGD that sets its own step size, on the cross-entropy"),
    "APGD-DLR": ("apgd-dlr", "PGD that sets its own step size, on the ratio of logits (DLR), towards no class"),
    "APGD-T": ("apgd-t", "PGD that sets its own step size, on the ratio of logits (DLR), towards nine classes"),
    "FAB-T": ("fab-t", "steps towards the nearest decision boundary, of nine classes in turn"),
    "Square": ("square", "random squares, by the logits alone: 5,000 queries without a gradient"),
}


class InFloat64(nn.Module):
    """A model of float64 weights for images in float32."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.model(x.double())
        return logits.float()


def run_package(model: nn.Module, x: Tensor, y: Tensor, threat: Threat, block: int, which: str) -> Tensor:
    """Run a version of the package (standard, plus, rand), or one attack of the standard version with its settings.

    Random numbers depend on torch's generator alone (the package's default seed is the clock). With few classes the
    targeted attacks use all wrong ones, and attacks with the DLR loss are left out of a version; so is Square in L2
    and L1 on image sizes that its code cannot tile. In L1 its settings are the package's for L1 (Croce, Hein 2021, Mind
    the box, arXiv:2103.01208): APGD-CE has five restarts, APGD-T five classes, and both begin in balls of 3 and 2 eps.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf`, `L2` or `L1`.
        block: images that the package sees at a time.
        which: a version, or an attack as the package calls it.

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1]; where the attack has failed, the clean image.

    Raises:
        BadInput: the model has too few classes for it, gives its images no gradient, or the images are of a size that
            Square cannot compute.
    """
    from pyautoattack import AutoAttack, checks

    if x.dtype == torch.float64:  # which the package cannot compute in
        x_adv = run_package(InFloat64(model), x.float(), y, threat, block, which)
        return threat.project(x_adv.double(), x)
    seed = int(torch.randint(2**31, ()))  # before the package reseeds the generator
    version = which if which in VERSIONS else "standard"
    model, norm = BreakRecorder(model), type(threat).__name__
    package = AutoAttack(model, device=x.device, eps=threat.eps, norm=norm, seed=seed, version=version)
    if version != which:
        package.attacks_to_run = [which]
    classes = _count_classes(model, x, slopes=which != "square")
    few = [name for name in package.attacks_to_run if classes < CLASSES.get(name, 2)]
    package.attacks_to_run = [name for name in package.attacks_to_run if name not in few]
    if not package.attacks_to_run:
        raise BadInput(f"it needs {CLASSES[which]} classes and the model has {classes}; leave it out")
    for name in few:
        warnings.warn(
            AttackWarning(f"no {name.upper()} with {format_count(classes, 'class', 'classes')}", len(x)), stacklevel=3
        )
    if "square" in package.attacks_to_run and not isinstance(threat, Linf) and not square_tiles(*x.shape[2:]):
        package.attacks_to_run.remove("square")
        size = f"{x.shape[2]} x {x.shape[3]} pixels"
        if not package.attacks_to_run:
            raise BadInput(f"the package's Square cannot tile images of {size} in {norm}; leave it out, or take Linf")
        warnings.warn(AttackWarning(f"no SQUARE in {norm} on {size}", len(x)), stacklevel=3)
    if repeats_logits(model, x[:8]):
        for apgd in (package.apgd, package.apgd_targeted):
            if apgd.eot_iter == 1 and not apgd.use_largereps:  # else calls repeat an iterate, or are of a larger ball
                apgd.attack_single_run = stop_when_broken(apgd.attack_single_run, model)
    for part in (package.apgd_targeted, package.fab):
        part.n_target_classes = min(part.n_target_classes, classes - 1)
    checks.funcs.update(dict.fromkeys(checks.funcs, 0))  # counts of the process so far, never reset by the package
    with warnings_as_attack_warnings(len(x)):
        x_adv, _ = package.run_standard_evaluation(x, y, batch_size=block)
    allowed = threat.project(x_adv.detach(), x)  # its last float operations may leave an L2 ball by 1e-6
    return allowed if (allowed - x_adv).abs().max() < 1e-5 else x_adv.detach()


def square_tiles(height: int, width: int) -> bool:
    """Whether the package's Square works in L2 and L1: it starts with tiles of a fifth of the height, that must fit."""
    tile = height // 5
    if tile < 2:
        return tile == 1  # tiles of one pixel do no harm where they stick out
    corner = (height - 5 * tile) // 2
    return all(corner + side // tile * tile <= side for side in (height, width))


def _count_classes(model: nn.Module, x: Tensor, slopes: bool) -> int:
    """Number of classes K of the model. BadInput if gradients are needed (slopes) and the model gives none."""
    one = x[:1].clone().requires_grad_(slopes)
    logits = model(one)
    if slopes:
        gradient(logits.sum(1), one)
    return int(logits.shape[1])


def _register(name: str, which: str, meaning: str) -> None:
    def attack(model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, block: int = 128) -> Tensor:
        return run_package(model, x, y, threat, block, which)

    attack.package = PACKAGE  # type: ignore[attr-defined]
    attack.classes = CLASSES.get(which, 2)  # type: ignore[attr-defined]
    attack.passes = lambda settings: PASSES.get(which, PASSES_OF_STANDARD)  # type: ignore[attr-defined]
    attack.black_box = which == "square"  # type: ignore[attr-defined]
    attack.__doc__ = f"{name}: {run_package.__doc__}"
    ATTACKS.add(name, attack, meaning)


for name, (which, meaning) in NAMES.items():
    _register(name, which, meaning)
