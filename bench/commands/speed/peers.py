"""Attacks of other packages as their users call them, and a plain PGD loop; only `bench speed` uses them.

They get models in eval mode whose weights require gradients, as after training.
"""

import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.core.losses import cross_entropy
from bench.core.threats.threat import Threat

Peer = Callable[[nn.Module, Tensor, Tensor, Threat], Tensor]  # model, x, y, threat -> x_adv
STEPS, STEP = 20, 0.25  # of PGD: their number, and their size as a share of eps
CW_STEPS, CW_RATE, CW_C = 50, 0.01, 1.0


def import_quietly(name: str) -> Any:
    """Import an installed package without warnings of its own imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module(name)


def is_installed(peer: str) -> bool:
    """Whether the package of a peer is installed; True for the plain loop."""
    return peer not in PACKAGES or find_spec(PACKAGES[peer]) is not None


def plain(model: nn.Module, x: Tensor, y: Tensor, threat: Threat, steps: int = STEPS) -> Tensor:
    """PGD in its shortest form, from a random start, (B, C, H, W) in [0, 1]."""
    x_adv = (x + threat.noise(x)).clamp(0, 1)
    for _ in range(steps):
        x_adv.requires_grad_()
        (grad,) = torch.autograd.grad(cross_entropy(model(x_adv), y).sum(), x_adv)
        x_adv = threat.project(x_adv.detach() + STEP * threat.eps * threat.steepest(grad), x)
    return x_adv


def torchattacks(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """PGD of torchattacks."""
    attack = import_quietly("torchattacks").PGD(model, eps=threat.eps, alpha=STEP * threat.eps, steps=STEPS)
    x_adv: Tensor = attack(x, y)
    return x_adv


def foolbox(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """PGD of Foolbox."""
    package = import_quietly("foolbox")
    attack = package.attacks.LinfPGD(abs_stepsize=STEP * threat.eps, steps=STEPS)
    wrapped = package.PyTorchModel(model, bounds=(0, 1), device=x.device)
    x_adv: Tensor = attack(wrapped, x, y, epsilons=threat.eps)[1]
    return x_adv


def art(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """PGD of the Adversarial Robustness Toolbox (ART)."""
    with torch.no_grad():
        classes = model(x[:1]).shape[1]
    classifier = import_quietly("art.estimators.classification").PyTorchClassifier(
        model,
        nn.CrossEntropyLoss(),
        tuple(x.shape[1:]),
        classes,
        clip_values=(0, 1),
        device_type="gpu" if x.is_cuda else "cpu",
    )
    attack = import_quietly("art.attacks.evasion").ProjectedGradientDescentPyTorch(
        classifier,
        eps=threat.eps,
        eps_step=STEP * threat.eps,
        max_iter=STEPS,
        num_random_init=1,
        batch_size=len(x),
        verbose=False,
    )
    return torch.from_numpy(attack.generate(x.cpu().numpy(), y.cpu().numpy())).to(x)


def carlini_wagner(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """CW of torchattacks, with a fixed c."""
    x_adv: Tensor = import_quietly("torchattacks").CW(model, c=CW_C, kappa=0, steps=CW_STEPS, lr=CW_RATE)(x, y)
    return x_adv


def pyautoattack(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """The standard version on one block of images, with the seed that the evaluator draws for it."""
    seed = int(torch.randint(2**31, ()))
    package = import_quietly("pyautoattack").AutoAttack(
        model, device=x.device, eps=threat.eps, norm=type(threat).__name__, seed=seed
    )
    x_adv: Tensor = package.run_standard_evaluation(x, y, batch_size=len(x))[0]
    return x_adv


def corrupt(images: NDArray[np.uint8], name: str, severity: int) -> None:
    """Corrupt images (N, H, W, 3) by imagecorruptions-imaug, which takes one at a time."""
    call = import_quietly("imagecorruptions").corrupt
    for image in images:
        call(image, severity, name)


PGD: dict[str, Peer] = {"plain loop": plain, "torchattacks": torchattacks, "Foolbox": foolbox, "ART": art}
PACKAGES = {"torchattacks": "torchattacks", "Foolbox": "foolbox", "ART": "art", "imagecorruptions": "imagecorruptions"}
