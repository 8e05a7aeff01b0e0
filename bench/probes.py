"""Signs that accuracy under attack deceives, image by image: what `bench run --audit` measures."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.attacks import parse_attack
from bench.conditions import Attacked
from bench.inspected import Probed
from bench.judge import Outcome, Target
from bench.losses import cross_entropy
from bench.planted import missed
from bench.threat import L2, Linf, Threat

FEW = 32  # images that examples are planted for; each has a readout of its own, and is attacked by itself
UNBOUNDED = parse_attack("PGD-100[start=clean,step=0.02eps]")  # from a random start, any noise would do
CALLS = 5  # and AutoAttack's tolerances: pyautoattack.checks
SAME_LOGITS, SAME_SUM = 1e-4, 1e-5
POINTS = 10  # along a gradient


def signs(
    target: Target, condition: Probed, ids: range, x: Tensor, y: Tensor, right: Tensor, outcome: Outcome
) -> Tensor:
    """1 for an image of the block that shows the sign, 0 for one that does not, NaN where nobody looked: (B,) float64.

    right: (B,) bool, the images that are looked at; of those, only the first few are planted examples for.
    """
    found = torch.full(right.shape, math.nan, dtype=torch.float64)
    rows = right.nonzero().flatten().tolist()
    if condition.attack is not None:
        attacked = Attacked(condition.attack, condition.threat)
        for row in rows[:FEW] if ids.start == 0 else []:
            found[row] = missed(target, attacked, ids[row : row + 1], x[row : row + 1], outcome)
    elif condition.sign == "unbounded":
        attacked = Attacked(UNBOUNDED, everywhere(condition.threat, x))
        found[rows] = target.distances(attacked, ids, x, y, outcome).isinf()[rows].double().cpu()
    else:
        for start in range(0, len(rows), target.batch_size):
            part = rows[start : start + target.batch_size]
            shown = PROBES[condition.sign](target.model, x[part], y[part], condition.threat)
            found[part] = shown.double().cpu()
    return found


def everywhere(threat: Threat, x: Tensor) -> Threat:
    """A ball of the same norm around any image that holds all images."""
    return Linf(1.0) if isinstance(threat, Linf) else L2(math.sqrt(x[0].numel()))


def slope(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of each image's cross-entropy; zero where the model hands none back."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        loss = cross_entropy(model(x), y).sum()
        grad = torch.autograd.grad(loss, x, allow_unused=True)[0] if loss.requires_grad else None
    return torch.zeros_like(x) if grad is None else grad


@torch.no_grad()
def changing(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """Asked again, the model gives other logits."""
    first, *others = (nn.functional.normalize(model(x)) for _ in range(CALLS))
    differences = torch.stack([torch.linalg.vector_norm(first - other, dim=1) for other in others])
    return (differences > SAME_LOGITS).any(dim=0)


@torch.no_grad()
def probabilities(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """The model returns a distribution."""
    outputs: Tensor = model(x)
    return (outputs > -SAME_SUM).all(1) & ((outputs.sum(1) - 1).abs() < SAME_SUM)


def zero_gradient(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """There is no direction to ascend in."""
    return ~slope(model, x, y).flatten(1).any(1)


@torch.no_grad()
def flat(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """Nowhere between the image and the end of a step of length eps along its gradient is the loss higher than on it.

    In float64 from the logits on: the loss of a confident image is below what fp32 tells from 0.
    """
    step, loss = threat.eps * threat.steepest(slope(model, x, y)), cross_entropy(model(x).double(), y)
    ways = (threat.project(x + point / POINTS * step, x) for point in range(1, POINTS + 1))
    losses = torch.stack([cross_entropy(model(z).double(), y) for z in ways])
    return (losses <= loss).all(0)


PROBES: dict[str, Callable[[nn.Module, Tensor, Tensor, Threat], Tensor]] = {
    "changing": changing,
    "probabilities": probabilities,
    "zero-gradient": zero_gradient,
    "flat": flat,
}
