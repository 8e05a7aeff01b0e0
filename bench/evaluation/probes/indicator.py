"""Probes of a model, image by image, for signs that its accuracy under attack is too high (`bench run --audit`).

After Pintor et al., "Indicators of Attack Failure", NeurIPS 2022, arXiv:2106.09947, and AutoAttack's own checks.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor, nn

from bench.attacks.parse import parse_attack
from bench.attacks.spec import AttackSpec
from bench.core.errors import Failed
from bench.core.foreign.guard import is_out_of_memory
from bench.core.foreign.messages import format_error
from bench.core.rng import image_stream
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.probes.binarization_test import (
    NoFeatures,
    has_gradient,
    last_linear,
    layer_output,
    misses_planted,
)
from bench.evaluation.probes.model_probes import PROBES, input_gradient
from bench.evaluation.sample import Sample
from bench.evaluation.target import Target

PLANTED_IMAGES = 32  # images of the binarization test; each has a readout of its own, and is attacked by itself
# From the clean image, as a random start at this radius could break it without gradients.
UNBOUNDED_ATTACK = parse_attack("PGD-100[start=clean,step=0.02eps]")
PGD, PGD_LAST = parse_attack("PGD-20"), parse_attack("PGD-20.last")

log = logging.getLogger("bench")


class ProbeCondition(Protocol):
    """The condition `Probed`, as far as the probes need it."""

    @property
    def sign(self) -> str: ...
    @property
    def threat(self) -> Threat: ...
    @property
    def attack(self) -> AttackSpec | None: ...
    @property
    def label(self) -> str: ...


def measure_indicator(
    target: Target, condition: ProbeCondition, sample: Sample, right: Tensor, outcome: Outcome
) -> Tensor:
    """Probe a block of images for one sign: (B,) float64, 1 where the image shows it, 0 where not, NaN if not probed.

    All are NaN where the model cannot be probed in this way.

    Args:
        condition: the sign, the ball, and for the binarization test the attack.
        sample: the images, consecutive in the test set.
        right: (B,) bool, the images to probe. The binarization test takes the first few of the test set only.
        outcome: passes and seconds are added to it.

    Raises:
        Failed: the model or the attack raises.
    """
    rows, ids = right.nonzero().flatten(), sample.ids
    found = torch.full(right.shape, math.nan, dtype=torch.float64)
    try:
        if condition.attack is not None:
            attacked = Attacked(condition.attack, condition.threat)
            for row in rows[:PLANTED_IMAGES].tolist() if ids[0] == 0 else []:
                found[row] = misses_planted(target, attacked, ids[row : row + 1], sample.x[row : row + 1], outcome)
        elif condition.sign in SEARCHES and len(rows):
            shown = SEARCHES[condition.sign](target, sample.select(rows), condition.threat, outcome)
            found[rows.cpu()] = shown.double().cpu()
        else:
            for part in torch.split(rows, target.batch_size) if len(rows) else []:
                some = sample.select(part)
                with image_stream(some.ids, "sign", condition.sign, target.seed):
                    shown = PROBES[condition.sign](target.model, some.x, some.y, condition.threat)
                found[part.cpu()] = shown.double().cpu()
    except NoFeatures as error:
        log.info("%s: no answer, as %s", condition.label, error)
    except Failed:
        raise
    except Exception as error:  # foreign code may raise anything; the other cells go on without this one
        if is_out_of_memory(error):
            raise
        raise Failed(f"{condition.label} stopped, {format_error(error)}") from error
    return found


def withstands_unbounded(target: Target, sample: Sample, threat: Threat, outcome: Outcome) -> Tensor:
    """Whether PGD with a radius that reaches every image fails to break the image, (B,). NaN without a gradient."""
    if not has_gradient(target.model, sample.x[:1]):
        return torch.full(sample.y.shape, math.nan)
    attacked = Attacked(UNBOUNDED_ATTACK, ball_of_all_images(threat, sample.x))
    return target.distances(attacked, sample, outcome).isinf()


def is_hidden_by_output(target: Target, sample: Sample, threat: Threat, outcome: Outcome) -> Tensor:
    """Whether PGD breaks the image by the last linear layer's outputs, but not by the model's own, (B,).

    This happens where an operation behind that layer, such as a tanh, flattens the loss. NaN where there is no such
    layer, or where its largest output is another class than the label.
    """
    x, y = sample.x, sample.y
    layer = last_linear(target.model, x[:1])
    if layer is None:
        return torch.full(y.shape, math.nan)
    inner, parts = LayerOutput(target.model, layer), torch.split(x, target.batch_size)
    with torch.no_grad():
        scores, logits = (torch.cat([model(part) for part in parts]) for model in (inner, target.model))
    if scores.shape != logits.shape or not has_gradient(inner, x[:1]):
        return torch.full(y.shape, math.nan)
    if torch.equal(scores, logits) and _has_same_gradient(
        inner, target.model, x[: target.batch_size], y[: target.batch_size]
    ):
        return torch.zeros(y.shape)
    # the last iterate: where the search stops at the border, flattened outputs of two classes may be equal
    last, within = Attacked(PGD_LAST, threat), Target(inner, inner, target.batch_size, target.seed)
    x_adv, _ = within.craft(last, sample, torch.ones_like(y, dtype=torch.bool), outcome)
    broken = ~is_correct(target.model, x_adv, y, target.batch_size)
    shown = torch.zeros(y.shape, device=y.device)
    if broken.any():
        itself, some = replace(target, copy=target.model), sample.select(broken.nonzero().flatten())
        far = itself.distances(Attacked(PGD, threat), some, outcome)
        shown[broken] = far.isinf().to(shown)
    return shown.masked_fill(scores.argmax(1) != y, math.nan)


def _has_same_gradient(one: nn.Module, other: nn.Module, x: Tensor, y: Tensor) -> bool:
    return torch.equal(input_gradient(one, x, y), input_gradient(other, x, y))


class LayerOutput(nn.Module):
    """A model whose logits are the outputs of one linear layer of another model: (B, C, H, W) -> (B, O)."""

    def __init__(self, model: nn.Module, layer: nn.Linear) -> None:
        super().__init__()
        self.model, self.layer = model, layer

    def forward(self, x: Tensor) -> Tensor:
        return layer_output(self.model, self.layer, x)


def ball_of_all_images(threat: Threat, x: Tensor) -> Threat:
    """The smallest ball of the same norm that holds all images, whichever image is its centre."""
    return type(threat)(threat.largest(x[0].numel()))


SEARCHES: dict[str, Callable[[Target, Sample, Threat, Outcome], Tensor]] = {
    "unbounded": withstands_unbounded,
    "squashed": is_hidden_by_output,
}
