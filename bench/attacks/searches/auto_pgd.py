"""Auto-PGD on the margin: ascent with momentum, and for each image a step length that is halved where it is too long.

Croce, Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks", ICML
2020, arXiv:2003.01690, algorithm 1. The objective is the margin of logits instead of the ratio DLR: steps are
normalised, so that its scale does not matter, and it needs no third class.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.attacks.searches.ascent_batch import AscentBatch
from bench.attacks.searches.gradients import has_no_gradient
from bench.core.threats.threat import Threat


@dataclass(frozen=True)
class AscentResult:
    """What an ascent has come to, for each image.

    Args:
        images: (B, C, H, W), the first misclassified iterate, else the one with the largest margin.
        broken: (B,) bool, whether it is misclassified.
        margins: (B,), the largest logit of the aim minus that of the true class.
        logits: (B, K), those at the largest margin.
        flat: (B,) bool, whether the margin had no gradient at some iterate.
    """

    images: Tensor
    broken: Tensor
    margins: Tensor
    logits: Tensor
    flat: Tensor

    def record(self, batch: AscentBatch, ended: Tensor, is_wrong: Tensor) -> None:
        """Record where the images have come to whose ascent has ended. ended, is_wrong: (B,) bool, of the batch."""
        rows = batch.rows[ended]
        self.images[rows] = torch.where(is_wrong.view(-1, 1, 1, 1), batch.now, batch.best)[ended]
        self.broken[rows], self.flat[rows] = is_wrong[ended], batch.flat[ended]
        self.margins[rows], self.logits[rows] = batch.margin[ended], batch.best_logits[ended]


def checkpoints(steps: int) -> set[int]:
    """The steps after which step lengths are looked at: 22 % of all, then ever shorter stretches, of 6 % at least."""
    marks = [0, 22]  # in percent
    while marks[-1] < 100:
        marks.append(marks[-1] + max(marks[-1] - marks[-2] - 3, 6))
    return {-(-mark * steps // 100) for mark in marks[1:] if mark < 100}


def climb(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    start: Tensor,
    aims: Tensor,
    classes: int,
    steps: int,
    length: float,
    until: int | None = None,
) -> AscentResult:
    """Raise the margin of classes over the true ones; an image that is misclassified as any class ends there.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image.
        start: the first iterates (B, C, H, W), in the ball and in [0, 1].
        aims: wrong classes (B,), or ANY_CLASS.
        classes: of the model, K.
        steps: gradient steps, from 1.
        length: of the first step, in radii of the ball.
        until: the step at which to stop, before the last one; what has been done till then is the same.

    Raises:
        BadInput: the model gives its images no gradient.
    """
    batch, low = AscentBatch.at(start, x, y, aims, classes, length * threat.eps), x.new_full((len(x),), -torch.inf)
    result = AscentResult(start.clone(), low > 0, low, x.new_zeros(len(x), classes), low > 0)
    marks, marked, last = checkpoints(steps), 0, steps if until is None else min(until, steps)
    for step in range(last + 1):
        slope, is_wrong = batch.look(model, is_last=step == last)
        ended = is_wrong | (step == last)
        result.record(batch, ended, is_wrong)
        batch.select(~ended)
        if not len(batch.rows):
            break
        slope = slope[~ended]
        batch.flat = batch.flat | has_no_gradient(slope)
        if step in marks:
            slope, marked = batch.shorten(slope, step - marked), step
        batch.move(slope, threat, is_first=step == 0)
    return result
