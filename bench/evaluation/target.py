"""Attack a block of images on a fast copy of the model, and check the results on the model itself."""

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from bench.attacks.spec import AttackSpec
from bench.core.errors import AttackWarning, BadInput, Failed
from bench.core.foreign.empty_batches import no_empty_batches
from bench.core.foreign.guard import guarded_call, is_out_of_memory, limited_call
from bench.core.foreign.messages import format_error
from bench.core.passes import count_passes
from bench.core.rng import fixed_seed, image_stream
from bench.core.threats.threat import Threat
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.sample import Sample
from bench.models.batch_norm.folding import fast_copy
from bench.models.modes import with_hooks
from bench.training.precision import choose_precision

OVERSHOOT_FACTORS = (1.01, 1.1)  # of the perturbation; the copy's decision border is within rounding of the model's

log = logging.getLogger("bench")
OnBroken = Callable[[Tensor, Tensor], None]


class Bf16(nn.Module):
    """A model computed in bfloat16, for the attack's search only; its results are checked in float32."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16):
            logits: Tensor = self.model(x)
        return logits.float()


class AttackInBall(Protocol):
    """An attack, and the ball that it must stay in."""

    @property
    def attack(self) -> AttackSpec: ...
    @property
    def threat(self) -> Threat: ...
    def check(self, x_adv: Tensor, x: Tensor) -> None:
        """Failed where x_adv is no allowed perturbation of x, both (B, C, H, W)."""


@dataclass(frozen=True)
class Target:
    """A model under test, and the fast copy of it that attacks search on."""

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
        self, condition: AttackInBall, sample: Sample, outcome: Outcome, keep: OnBroken | None = None
    ) -> Tensor:
        """The distance at which each image was broken, (B,): 0 if it was wrong already, inf if it was not broken.

        outcome: the attack's passes, seconds and doubts are added to it.
        keep: called with which images the attack broke, (B,) bool, and the adversarial images, (B, C, H, W).
        """
        clean = is_correct(self.model, sample.x, sample.y, self.batch_size)
        right = clean | condition.attack.last  # which attacks all images, to score them by the last iterate
        far = torch.where(right, torch.inf, 0.0)
        if right.any():
            x_adv, fooled = self.craft(condition, sample, right, outcome)
            far = torch.where(right & fooled, condition.threat.distance(x_adv, sample.x), far)
            far = torch.where(clean | far.isinf(), far, 0.0)
            if keep:
                keep(right & fooled, x_adv)
        return far

    def craft(self, condition: AttackInBall, sample: Sample, some: Tensor, outcome: Outcome) -> tuple[Tensor, Tensor]:
        """Attack the selected images on the fast copy and check every result on the model.

        The copy's arithmetic differs in the last digits, so an image may fool the copy and not the model. Then the
        perturbation is lengthened by 1 and 10 % and projected back into the ball (unless only the last iterate counts).
        Images that still do not fool the model are attacked once more on the model itself.

        Args:
            some: (B,) bool, the images to attack.
            outcome: passes, seconds and doubts are added to it.

        Returns:
            x_adv: (B, C, H, W) in [0, 1], inside the ball; other images as they came in.
            fooled: (B,) bool, which of the attacked images the model misclassifies.

        Raises:
            Failed: the attack raised, or returned images outside the ball.
        """
        attack = self._attack_block if condition.attack.block else self._attack_images
        start, x, y = time.perf_counter(), sample.x, sample.y
        x_adv = attack(self.copy, condition, sample, some, outcome)
        fooled = self._find_fooled(self.model, x_adv, y, some)
        if self.copy is not self.model:
            misled = self._find_fooled(self.copy, x_adv, y, some & ~fooled)
            for share in () if condition.attack.last else OVERSHOOT_FACTORS:
                if not misled.any():
                    break
                beyond = condition.threat.project(x + share * (x_adv - x), x)
                found = self._find_fooled(self.model, beyond, y, misled)
                x_adv[found], fooled, misled = beyond[found], fooled | found, misled & ~found
            if misled.any():
                log.info("%s: %d images attacked again on the model itself", condition.attack.name, misled.sum())
                x_adv[misled] = attack(self.model, condition, sample, misled, outcome)[misled]
                fooled |= self._find_fooled(self.model, x_adv, y, misled)
        outcome.seconds += time.perf_counter() - start
        return x_adv, fooled

    def _find_fooled(self, model: nn.Module, x: Tensor, y: Tensor, some: Tensor) -> Tensor:
        """Which of the images selected by `some` a model misclassifies, (B,) bool."""
        return some.masked_scatter(some, ~is_correct(model, x[some], y[some], self.batch_size))

    def _attack_images(
        self, model: nn.Module, condition: AttackInBall, sample: Sample, some: Tensor, outcome: Outcome
    ) -> Tensor:
        """Attack the selected images only. Each draws from a stream of its own, the same for every attack."""
        rows, x_adv = some.nonzero().flatten(), sample.x.clone()
        chosen = sample.select(rows)
        with image_stream(chosen.ids, "attack", self.seed):
            x_adv[rows] = _attack(model, condition, chosen.x, chosen.y, outcome)
        return x_adv

    def _attack_block(
        self, model: nn.Module, condition: AttackInBall, sample: Sample, some: Tensor, outcome: Outcome
    ) -> Tensor:
        """Attack the whole block, since the attack draws for the batch and not for an image."""
        with fixed_seed("block", sample.ids[0], self.seed):
            return _attack(model, condition, sample.x, sample.y, outcome)


def _attack(model: nn.Module, condition: AttackInBall, x: Tensor, y: Tensor, outcome: Outcome) -> Tensor:
    """Call the attack and check its images (B, C, H, W); its passes and doubts are added to the outcome."""
    name = condition.attack.name
    with warnings.catch_warnings(record=True) as caught, no_empty_batches(model), count_passes(model) as passes:
        warnings.simplefilter("always")
        try:
            with limited_call(), guarded_call():
                found = condition.attack(model, x.clone(), y.clone(), condition.threat)
        except (BadInput, Failed) as error:
            raise type(error)(f"attack {name}: {error}") from error
        except Exception as error:  # an attack of a plug-in may raise anything
            if is_out_of_memory(error):
                raise
            raise Failed(f"attack {name} stopped, {format_error(error)}") from error
    x_adv = _check_type(found, name, x)
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


def _check_type(found: object, attack: str, x: Tensor) -> Tensor:
    """What an attack returned, with the type and device of x. Failed unless it is a floating point tensor."""
    if not isinstance(found, Tensor) or not found.is_floating_point():
        got = f"a tensor of {found.dtype}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise Failed(f"attack {attack} returned {got}; return a floating point tensor, an image for every image")
    return found.detach().to(x).clone()
