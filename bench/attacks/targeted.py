"""Ascent towards wrong classes, chosen on the clean image.

Wang, Zhang, "Bilateral Adversarial Training", ICCV 2019, arXiv:1811.10716, Table 4: the one-step attacks MC and LL.
Laugros, Caplier, Ospici 2020, arXiv:2008.08384: PGD_LL, of ten steps.
Gowal et al., "An Alternative Surrogate Loss for PGD-based Adversarial Testing", arXiv:1910.09338: MultiTargeted.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.attacks.ascent import Ascent, Start
from bench.attacks.search import in_batches, search
from bench.attacks.settings import step_length
from bench.attacks.spec import ATTACKS, PASSES_OF_A_STEP
from bench.core.labels import least_likely, most_confusing
from bench.core.losses import cross_entropy
from bench.core.threat import Threat

TARGETS = 9  # wrong classes, of ten, that MultiTarget goes for

Aim = Literal["MC", "LL"]
AIMS: dict[Aim, Callable[[Tensor, Tensor], Tensor]] = {"MC": most_confusing, "LL": least_likely}


def targeted(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    aim: Aim,
    steps: int = 10,
    step: str = "0.25eps",
    restarts: int = 1,
    start: Start = "random",
    last: bool = False,
) -> Tensor:
    """An image counts as fooled wherever it ends up among the wrong classes.

    aim: the most confusing wrong class (MC) or the least likely one (LL).
    step: its length, as a share of eps (`0.25eps`) or in pixel units (`0.0078`).
    """
    with torch.no_grad():
        logits = in_batches(model, x)
    goal = AIMS[aim](logits, F.one_hot(y, logits.shape[1])).argmax(1)
    ascent = Ascent(threat, steps, step_length(step, threat.eps), start)
    return search(model, ascent, towards, x, y, restarts=restarts, last=last, aims=goal[:, None])


def towards(logits: Tensor, goal: Tensor) -> Tensor:
    return -cross_entropy(logits, goal)


def multi_target(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    steps: int = 20,
    step: str = "0.25eps",
    restarts: int = 1,
    start: Start = "random",
    last: bool = False,
) -> Tensor:
    """Towards every wrong class in turn, the likeliest first, on its logit's lead over the true one's.

    step: its length, as a share of eps (`0.25eps`) or in pixel units (`0.0078`). restarts: for each class.
    """
    with torch.no_grad():
        logits = in_batches(model, x)
    wrong = logits.scatter(1, y[:, None], -torch.inf).argsort(1, descending=True)[:, :-1]
    pairs = torch.stack([wrong, y[:, None].expand_as(wrong)], 2)  # (B, K - 1, 2)
    ascent = Ascent(threat, steps, step_length(step, threat.eps), start)
    return search(model, ascent, lead, x, y, restarts=restarts, last=last, aims=pairs)


def lead(logits: Tensor, pair: Tensor) -> Tensor:
    """Of the first class over the second, (B,), for pairs (B, 2)."""
    first, second = logits.gather(1, pair).unbind(1)
    return first - second


targeted.nested = True  # type: ignore[attr-defined]
for aim in AIMS:
    ATTACKS.add(aim, partial(targeted, aim=aim, steps=1, step="1.0eps", start="clean"))
    ATTACKS.add(f"R-{aim}", partial(targeted, aim=aim, steps=1, step="1.0eps", start="unclipped"))
    ATTACKS.add(f"PGD-{aim}", partial(targeted, aim=aim))
multi_target.passes = lambda s: TARGETS * PASSES_OF_A_STEP * s["steps"] * s["restarts"]  # type: ignore[attr-defined]
ATTACKS.add("MultiTarget", multi_target)
