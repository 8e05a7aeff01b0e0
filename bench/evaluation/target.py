"""What one block of images amounts to: attack on a cheap copy, judge on the model itself."""

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from bench.attacks.spec import AttackSpec
from bench.core.errors import AttackWarning, BadInput, Failed
from bench.core.foreign.guard import guarded_call, is_out_of_memory, limited_call, no_empty_batches
from bench.core.foreign.messages import format_error
from bench.core.passes import count_passes
from bench.core.rng import image_stream, seeded
from bench.core.threat import Threat
from bench.evaluation.outcome import Outcome, is_correct
from bench.models.bn_folding import fast_copy
from bench.models.modes import with_hooks
from bench.training.precision import choose_precision

FARTHER = (1.01, 1.1)  # times as far as the copy's border, which lies within rounding of the model's

log = logging.getLogger("bench")
Ids = Sequence[int]  # of images in the test set; of a whole block, consecutive
OnBroken = Callable[[Tensor, Tensor], None]


class Bf16(nn.Module):
    """A model that searches in bfloat16: its gradients are rough, so only fp32 decides what it found."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            logits: Tensor = self.model(x)
        return logits.float()


class AttackInBall(Protocol):
    """An attack, and the ball that it is to stay in."""

    @property
    def attack(self) -> AttackSpec: ...
    @property
    def threat(self) -> Threat: ...
    def check(self, x_adv: Tensor, x: Tensor) -> None:
        """Refuse images x_adv that are not allowed in the place of x."""


@dataclass(frozen=True)
class Target:
    """A model under test, and the cheaper copy of it that attacks work on."""

    model: nn.Module
    copy: nn.Module
    batch_size: int
    seed: int

    @classmethod
    def of(cls, model: nn.Module, x: Tensor, precision: str, batch_size: int, seed: int) -> "Target":
        model = with_hooks(model)
        copy = fast_copy(model, x)
        reduced = choose_precision(precision, x.device) == "bf16"
        return cls(model, Bf16(copy) if reduced else copy, batch_size, seed)

    def distances(
        self, condition: AttackInBall, ids: Ids, x: Tensor, y: Tensor, outcome: Outcome, keep: OnBroken | None = None
    ) -> Tensor:
        """How far off each image of a block was broken, (B,): 0 if it was wrong already, inf if it never was.

        The attack's cost goes to the outcome.
        keep: is given which images the attack broke, (B,) bool, and the images it found, (B, C, H, W).
        """
        right = is_correct(self.model, x, y, self.batch_size) | condition.attack.last
        far = torch.where(right, torch.inf, 0.0)
        if right.any():
            x_adv, fooled = self.crafted(condition, ids, x, y, right, outcome)
            far = torch.where(right & fooled, condition.threat.distance(x_adv, x), far)
            if keep:
                keep(right & fooled, x_adv)
        return far

    def crafted(
        self, condition: AttackInBall, ids: Ids, x: Tensor, y: Tensor, some: Tensor, outcome: Outcome
    ) -> tuple[Tensor, Tensor]:
        """The attack's images (B, C, H, W), where `some` (B,) asks for them, and which of those fool the model (B,).

        An image that the copy gets wrong and the model right after the attack is no success: the search ended there
        only because the copy misled it. A little farther on the model may be wrong too, where any image of the ball
        counts; otherwise it is attacked again on the model itself.
        """
        attack = self._whole if condition.attack.block else self._singly
        start = time.perf_counter()
        x_adv = attack(self.copy, condition, ids, x, y, some, outcome)
        fooled = self._fooled(self.model, x_adv, y, some)
        if self.copy is not self.model:
            misled = self._fooled(self.copy, x_adv, y, some & ~fooled)
            for share in () if condition.attack.last else FARTHER:
                if not misled.any():
                    break
                beyond = condition.threat.project(x + share * (x_adv - x), x)
                found = self._fooled(self.model, beyond, y, misled)
                x_adv[found], fooled, misled = beyond[found], fooled | found, misled & ~found
            if misled.any():
                log.info("%s: %d images attacked again on the model itself", condition.attack.name, misled.sum())
                x_adv[misled] = attack(self.model, condition, ids, x, y, misled, outcome)[misled]
                fooled |= self._fooled(self.model, x_adv, y, misled)
        outcome.seconds += time.perf_counter() - start
        return x_adv, fooled

    def _fooled(self, model: nn.Module, x: Tensor, y: Tensor, some: Tensor) -> Tensor:
        """Which of some images a model gets wrong, (B,) bool."""
        return some.masked_scatter(some, ~is_correct(model, x[some], y[some], self.batch_size))

    def _singly(
        self, model: nn.Module, condition: AttackInBall, ids: Ids, x: Tensor, y: Tensor, some: Tensor, outcome: Outcome
    ) -> Tensor:
        """Only the images asked for are attacked; each draws from its own stream, the same for every attack."""
        rows = some.nonzero().flatten()
        x_adv = x.clone()
        with image_stream([ids[row] for row in rows.tolist()], "attack", self.seed):
            x_adv[rows] = _attack(model, condition, x[rows], y[rows], outcome)
        return x_adv

    def _whole(
        self, model: nn.Module, condition: AttackInBall, ids: Ids, x: Tensor, y: Tensor, some: Tensor, outcome: Outcome
    ) -> Tensor:
        """The block as it is, since its draws are for the batch."""
        with seeded("block", ids[0], self.seed):
            return _attack(model, condition, x, y, outcome)


def _attack(model: nn.Module, condition: AttackInBall, x: Tensor, y: Tensor, outcome: Outcome) -> Tensor:
    """The attack's images, checked; its passes and doubts go into the outcome."""
    name = condition.attack.name
    with warnings.catch_warnings(record=True) as caught, no_empty_batches(model), count_passes(model) as passes:
        warnings.simplefilter("always")
        try:
            with limited_call(), guarded_call():
                found = condition.attack(model, x.clone(), y.clone(), condition.threat)
        except (BadInput, Failed) as error:
            raise type(error)(f"attack {name}: {error}") from error
        except Exception as error:  # anybody's code; what it raises is its failure, with the reason
            if is_out_of_memory(error):
                raise
            raise Failed(f"attack {name} stopped, {format_error(error)}") from error
    x_adv = _images(found, name, x)
    condition.check(x_adv, x)
    outcome.forwards += passes.forwards
    outcome.backwards += passes.backwards
    for warning in caught:
        doubt = warning.message
        if isinstance(doubt, AttackWarning):
            outcome.doubts[doubt.reason] = outcome.doubts.get(doubt.reason, 0) + doubt.images
        else:
            log.info("%s: %s", name, doubt)
    return x_adv


def _images(found: object, attack: str, x: Tensor) -> Tensor:
    """What an attack has returned, in the number format of the images x and on their device. Failed if it is none."""
    if not isinstance(found, Tensor) or not found.is_floating_point():
        got = f"a tensor of {found.dtype}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise Failed(f"attack {attack} returned {got}; return a floating point tensor, an image for every image")
    return found.detach().to(x).clone()
