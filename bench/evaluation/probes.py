"""Signs that accuracy under attack deceives, image by image: what `bench run --audit` measures."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor, nn

from bench.attacks.spec import AttackSpec, parse_attack
from bench.core.errors import Failed
from bench.core.foreign.guard import is_out_of_memory
from bench.core.foreign.messages import format_error
from bench.core.losses import cross_entropy
from bench.core.rng import image_stream
from bench.core.threat import L2, Linf, Threat
from bench.evaluation.binarization_test import Unreadable, attack_misses, gives_gradient, last_linear, layer_output
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.target import Ids, Target

FEW = 32  # images that examples are planted for; each has a readout of its own, and is attacked by itself
UNBOUNDED = parse_attack("PGD-100[start=clean,step=0.02eps]")  # from a random start, any noise would do
CALLS = 5  # and AutoAttack's tolerances: pyautoattack.checks
SAME_LOGITS, SAME_SUM = 1e-4, 1e-5
POINTS = 10  # along a gradient
PLAIN, LAST = parse_attack("PGD-20"), parse_attack("PGD-20.last")
HALF_STEP = 1 / 510  # of 8 bits, in pixel units

log = logging.getLogger("bench")


class Probe(Protocol):
    """What to look for in a model."""

    @property
    def sign(self) -> str: ...
    @property
    def threat(self) -> Threat: ...
    @property
    def attack(self) -> AttackSpec | None: ...
    @property
    def label(self) -> str: ...


def signs(
    target: Target, condition: Probe, ids: range, x: Tensor, y: Tensor, right: Tensor, outcome: Outcome
) -> Tensor:
    """1 for an image of the block that shows the sign, 0 for one that does not, NaN where nobody looked: (B,) float64.

    NaN too where the model cannot be looked at in this way. Failed where its code raises.

    right: (B,) bool, the images that are looked at; of those, only the first few are planted examples for.
    """
    rows = right.nonzero().flatten()
    found = torch.full(right.shape, math.nan, dtype=torch.float64)
    try:
        if condition.attack is not None:
            attacked = Attacked(condition.attack, condition.threat)
            for row in rows[:FEW].tolist() if ids.start == 0 else []:
                found[row] = attack_misses(target, attacked, ids[row : row + 1], x[row : row + 1], outcome)
        elif condition.sign in SEARCHES and len(rows):
            some = [ids[row] for row in rows.tolist()]
            shown = SEARCHES[condition.sign](target, some, x[rows], y[rows], condition.threat, outcome)
            found[rows.cpu()] = shown.double().cpu()
        else:
            for part in torch.split(rows, target.batch_size) if len(rows) else []:
                with image_stream([ids[row] for row in part.tolist()], "sign", condition.sign, target.seed):
                    shown = PROBES[condition.sign](target.model, x[part], y[part], condition.threat)
                found[part.cpu()] = shown.double().cpu()
    except Unreadable as error:
        log.info("%s: no answer, as %s", condition.label, error)
    except Failed:
        raise
    except Exception as error:  # anybody's code may raise anything, and no sign is worth the rest of the evaluation
        if is_out_of_memory(error):
            raise
        raise Failed(f"{condition.label} stopped, {format_error(error)}") from error
    return found


def unbounded(target: Target, ids: Ids, x: Tensor, y: Tensor, threat: Threat, outcome: Outcome) -> Tensor:
    """PGD that may change the image at will does not break it. NaN where the model has no gradient for it."""
    if not gives_gradient(target.model, x[:1]):
        return torch.full(y.shape, math.nan)
    return target.distances(Attacked(UNBOUNDED, everywhere(threat, x)), ids, x, y, outcome).isinf()


def squashed(target: Target, ids: Ids, x: Tensor, y: Tensor, threat: Threat, outcome: Outcome) -> Tensor:
    """PGD breaks the image by the outputs of the model's last linear layer, and not by the model's own.

    NaN where these outputs name another class than the model, or are none: then they are not what it decides by.
    """
    layer = last_linear(target.model, x[:1])
    if layer is None:
        return torch.full(y.shape, math.nan)
    inner, parts = LayerOutput(target.model, layer), torch.split(x, target.batch_size)
    with torch.no_grad():
        scores, logits = (torch.cat([model(part) for part in parts]) for model in (inner, target.model))
    if scores.shape != logits.shape or not gives_gradient(inner, x[:1]):
        return torch.full(y.shape, math.nan)
    if torch.equal(scores, logits) and _same_slope(inner, target.model, x[: target.batch_size], y[: target.batch_size]):
        return torch.zeros(y.shape)
    # the last iterate: on the border of two classes a flattened output may be a tie, which is no error
    last, within = Attacked(LAST, threat), Target(inner, inner, target.batch_size, target.seed)
    x_adv, _ = within.crafted(last, ids, x, y, torch.ones_like(y, dtype=torch.bool), outcome)
    broken = ~is_correct(target.model, x_adv, y, target.batch_size)
    shown = torch.zeros(y.shape, device=y.device)
    if broken.any():
        itself, some = replace(target, copy=target.model), [i for i, b in zip(ids, broken.tolist(), strict=True) if b]
        far = itself.distances(Attacked(PLAIN, threat), some, x[broken], y[broken], outcome)
        shown[broken] = far.isinf().to(shown)
    return shown.masked_fill(scores.argmax(1) != y, math.nan)


def _same_slope(one: nn.Module, other: nn.Module, x: Tensor, y: Tensor) -> bool:
    return torch.equal(input_gradient(one, x, y), input_gradient(other, x, y))


class LayerOutput(nn.Module):
    """What one of a model's linear layers returns, as a model: (B, C, H, W) -> (B, O)."""

    def __init__(self, model: nn.Module, layer: nn.Linear) -> None:
        super().__init__()
        self.model, self.layer = model, layer

    def forward(self, x: Tensor) -> Tensor:
        return layer_output(self.model, self.layer, x)


def everywhere(threat: Threat, x: Tensor) -> Threat:
    """A ball of the same norm around any image that holds all images."""
    return Linf(1.0) if isinstance(threat, Linf) else L2(math.sqrt(x[0].numel()))


def input_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
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
    return ~input_gradient(model, x, y).flatten(1).any(1)


@torch.no_grad()
def flat(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """Nowhere between the image and the end of a step of length eps along its gradient is the loss higher than on it.

    In float64 from the logits on: the loss of a confident image is below what fp32 tells from 0.
    """
    step, loss = threat.eps * threat.steepest(input_gradient(model, x, y)), cross_entropy(model(x).double(), y)
    ways = (threat.project(x + point / POINTS * step, x) for point in range(1, POINTS + 1))
    losses = torch.stack([cross_entropy(model(z).double(), y) for z in ways])
    return (losses <= loss).all(0)


@torch.no_grad()
def noise(model: nn.Module, x: Tensor, y: Tensor, threat: Threat) -> Tensor:
    """Random noise of half an 8-bit step, or of the ball where that is smaller, makes the model wrong."""
    ball = Linf(min(HALF_STEP, threat.eps))
    logits: Tensor = model(ball.project(x + ball.noise(x), x))
    return logits.argmax(1) != y


SEARCHES: dict[str, Callable[[Target, Ids, Tensor, Tensor, Threat, Outcome], Tensor]] = {
    "unbounded": unbounded,
    "squashed": squashed,
}
PROBES: dict[str, Callable[[nn.Module, Tensor, Tensor, Threat], Tensor]] = {
    "changing": changing,
    "probabilities": probabilities,
    "zero-gradient": zero_gradient,
    "flat": flat,
    "noise": noise,
}
