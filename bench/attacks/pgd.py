"""FGSM, PGD, and PGD on the margin, which these papers call CW.

Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015, arXiv:1412.6572.
Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018, arXiv:1706.06083.
Carlini, Wagner, "Towards Evaluating the Robustness of Neural Networks", S&P 2017, arXiv:1608.04644 (the loss).
"""

from functools import partial
from typing import Literal

from torch import Tensor, nn

from bench.attacks.ascent import Ascent, Start
from bench.attacks.search import search
from bench.attacks.settings import step_length
from bench.attacks.spec import ATTACKS
from bench.core.errors import BadInput
from bench.core.losses import cross_entropy, margin
from bench.core.threat import Threat

LOSSES = {"ce": cross_entropy, "margin": margin}


def fgsm(
    model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, start: Start = "clean", last: bool = False
) -> Tensor:
    """One step of length eps, from x or from a random image of the ball (R-FGSM)."""
    return search(model, Ascent(threat, 1, threat.eps, start), cross_entropy, x, y, last=last)


def pgd(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    steps: int,
    step: str = "0.25eps",
    restarts: int = 1,
    start: Start = "random",
    loss: Literal["ce", "margin"] = "ce",
    last: bool = False,
) -> Tensor:
    """Projected ascent; an image that was fooled at any iterate (or at the last one, with `last`) comes back so.

    step: its length, as a share of eps (`0.25eps`) or in pixel units (`0.0078`).
    """
    if restarts < 1:
        raise BadInput(f"restarts={restarts} is below 1")
    ascent = Ascent(threat, steps, step_length(step, threat.eps), start)
    return search(model, ascent, LOSSES[loss], x, y, restarts=restarts, last=last)


pgd.nested = True  # type: ignore[attr-defined]
ATTACKS.add("FGSM", partial(fgsm, start="clean"))
ATTACKS.add("R-FGSM", partial(fgsm, start="unclipped"))
ATTACKS.add_family("PGD-k", lambda k: partial(pgd, steps=k))
# the hinge at kappa = 50 of those papers' code never binds while an image is still right: it is the plain margin
ATTACKS.add_family("CW-k", lambda k: partial(pgd, steps=k, loss="margin"))
