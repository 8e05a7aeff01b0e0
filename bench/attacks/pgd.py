"""FGSM, PGD, and PGD on the margin, which these papers call CW.

Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015, arXiv:1412.6572.
Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018, arXiv:1706.06083.
Carlini, Wagner, "Towards Evaluating the Robustness of Neural Networks", S&P 2017, arXiv:1608.04644 (the loss).
"""

from functools import partial
from typing import Any, Literal

from torch import Tensor, nn

from bench.attacks.search_settings import SearchSettings, takes_search_settings
from bench.attacks.searches.ascent import Ascent, Start
from bench.attacks.searches.search import search
from bench.attacks.spec import ATTACKS
from bench.core.losses import cross_entropy, margin
from bench.core.threats.threat import Threat

LOSSES = {"ce": cross_entropy, "margin": margin}


def fgsm(
    model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, start: Start = "clean", last: bool = False
) -> Tensor:
    """FGSM and R-FGSM: one step of length eps, from the image or from a random image of the ball.

    Source: Goodfellow et al. 2015, arXiv:1412.6572.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf`, `L2` or `L1`.
        start: `random`, uniformly in the ball and cut to [0, 1]; `unclipped`, without the cut; or `clean`.
        last: return the last iterate, whether it is broken or not, instead of the first one that is.

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1]; where the attack has failed, the last iterate.

    Raises:
        BadInput: the model gives its images no gradient.

    Example:
        >>> import torch
        >>> from bench import Linf
        >>> from bench.attacks.pgd import fgsm
        >>> model = torch.nn.Flatten()  # the brighter of two pixels is the class
        >>> fgsm(model, torch.tensor([[[[0.75, 0.5]]]]), torch.tensor([0]), Linf(0.25))
        tensor([[[[0.5000, 0.7500]]]])
    """
    return search(model, Ascent(threat, 1, threat.eps, start), cross_entropy, x, y, last=last)


@takes_search_settings
def pgd(
    model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, loss: Literal["ce", "margin"] = "ce", **settings: Any
) -> Tensor:
    """PGD and CW-k: projected ascent; an image that was broken at any iterate is returned as it was there.

    Sources: Madry et al. 2018, arXiv:1706.06083; Carlini, Wagner 2017, arXiv:1608.04644, for the margin; Athalye et al.
    2018, arXiv:1707.07397, for gradients that are means.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf`, `L2` or `L1`.
        loss: `ce`, the cross-entropy, or `margin`, the best wrong logit minus the true one.
        settings: those of `SearchSettings`: steps, step, restarts, start, last, eot.

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1]; where the attack has failed, the last iterate.

    Raises:
        BadInput: the model gives its images no gradient, or a setting is outside its range.

    Example:
        >>> import torch
        >>> from bench import Linf
        >>> from bench.attacks.pgd import pgd
        >>> model = torch.nn.Flatten()  # the brighter of two pixels is the class
        >>> x, y = torch.tensor([[[[0.8, 0.5]]]]), torch.tensor([0])
        >>> model(pgd(model, x, y, Linf(0.2), steps=10)).argmax(1)
        tensor([1])
    """
    return SearchSettings(**settings).search(model, LOSSES[loss], x, y, threat)


pgd.nested = True  # type: ignore[attr-defined]
ATTACKS.add("FGSM", partial(fgsm, start="clean"), "one step of length eps along the gradient (in Linf along its sign)")
ATTACKS.add(
    "R-FGSM",
    partial(fgsm, start="unclipped"),
    "the step of FGSM from a random start",
)
ATTACKS.add_family("PGD-k", lambda k: partial(pgd, steps=k), "projected gradient descent on the cross-entropy, k steps")
# the hinge at kappa = 50 of those papers' code never binds while an image is still right: it is the plain margin
ATTACKS.add_family(
    "CW-k",
    lambda k: partial(pgd, steps=k, loss="margin"),
    "PGD on the margin, Carlini and Wagner's loss, k steps",
)
