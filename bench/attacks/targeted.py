"""Attacks towards wrong classes, chosen on the clean image.

Wang, Zhang, "Bilateral Adversarial Training", ICCV 2019, arXiv:1811.10716, Table 4: the one-step attacks MC and LL.
Laugros, Caplier, Ospici 2020, arXiv:2008.08384: PGD_LL, of ten steps.
Gowal et al., "An Alternative Surrogate Loss for PGD-based Adversarial Testing", arXiv:1910.09338: MultiTargeted.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.attacks.search_settings import SearchSettings, takes_search_settings
from bench.attacks.searches.search import in_batches
from bench.attacks.spec import ATTACKS, PASSES_OF_A_STEP
from bench.core.labels import least_likely, most_confusing
from bench.core.losses import cross_entropy
from bench.core.threats.threat import Threat

TARGET_CLASSES = 9  # wrong classes, of ten, that MultiTarget goes for

Aim = Literal["MC", "LL"]
AIMS: dict[Aim, Callable[[Tensor, Tensor], Tensor]] = {"MC": most_confusing, "LL": least_likely}


@takes_search_settings
def targeted(
    model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, aim: Aim, steps: int = 10, **settings: Any
) -> Tensor:
    """MC, LL and their R- and PGD- forms: descent on the cross-entropy with one wrong class, chosen on the clean image.

    An image counts as broken wherever it ends up among the wrong classes. Sources: Wang, Zhang 2019,
    arXiv:1811.10716, Table 4; Laugros et al. 2020, arXiv:2008.08384, for ten steps.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf`, `L2` or `L1`.
        aim: the most confusing wrong class (MC) or the least likely one (LL).
        steps: gradient steps.
        settings: the others of `SearchSettings`: step, restarts, start, last, eot.

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1]; where the attack has failed, the last iterate.

    Raises:
        BadInput: the model gives its images no gradient, or a setting is outside its range.
    """
    with torch.no_grad():
        logits = in_batches(model, x)
    goal = AIMS[aim](logits, F.one_hot(y, logits.shape[1])).argmax(1)
    shared = SearchSettings(steps=steps, **settings)
    return shared.search(model, negative_cross_entropy, x, y, threat, aims=goal[:, None])


def negative_cross_entropy(logits: Tensor, goal: Tensor) -> Tensor:
    """Minus the cross-entropy (B,) of logits (B, K) with the target classes (B,)."""
    return -cross_entropy(logits, goal)


@takes_search_settings
def multi_target(model: nn.Module, x: Tensor, y: Tensor, threat: Threat, *, steps: int = 20, **settings: Any) -> Tensor:
    """MultiTarget: ascent on a wrong class's logit minus the true one's, for each wrong class, the likeliest first.

    Source: Gowal et al. 2019, arXiv:1910.09338.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf`, `L2` or `L1`.
        steps: gradient steps for each class.
        settings: the others of `SearchSettings`: step, restarts, start, last, eot.

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1]; where the attack has failed, the last iterate.

    Raises:
        BadInput: the model gives its images no gradient, or a setting is outside its range.
    """
    with torch.no_grad():
        logits = in_batches(model, x)
    wrong = logits.scatter(1, y[:, None], -torch.inf).argsort(1, descending=True)[:, :-1]
    pairs = torch.stack([wrong, y[:, None].expand_as(wrong)], 2)  # (B, K - 1, 2)
    return SearchSettings(steps=steps, **settings).search(model, logit_lead, x, y, threat, aims=pairs)


def logit_lead(logits: Tensor, pair: Tensor) -> Tensor:
    """Logit of the first class minus that of the second, (B,), for pairs of classes (B, 2)."""
    first, second = logits.gather(1, pair).unbind(1)
    return first - second


targeted.nested = True  # type: ignore[attr-defined]
AIM_TEXTS: dict[Aim, str] = {"MC": "most confusing class (the likeliest wrong one)", "LL": "least likely class"}
for which, wanted in AIM_TEXTS.items():
    one = partial(targeted, aim=which, steps=1, step="1.0eps")
    ATTACKS.add(which, partial(one, start="clean"), f"one step towards the {wanted}")
    ATTACKS.add(f"R-{which}", partial(one, start="unclipped"), f"one step from a random start, towards the {wanted}")
    ATTACKS.add(f"PGD-{which}", partial(targeted, aim=which), f"ten steps towards the {wanted}")
multi_target.passes = lambda s: (  # type: ignore[attr-defined]
    TARGET_CLASSES * PASSES_OF_A_STEP * s["steps"] * s["restarts"] * s.get("eot", 1)
)
ATTACKS.add("MultiTarget", multi_target, "PGD on the margin towards each wrong class in turn")
