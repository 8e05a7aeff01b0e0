"""Bisect a grid of radii for the smallest one at which an attack breaks each image."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench.attacks.spec import AttackSpec
from bench.core.threats.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.sample import Sample
from bench.evaluation.target import Target


def smallest_radii(
    target: Target, attack: AttackSpec, balls: Sequence[Threat], sample: Sample, outcome: Outcome
) -> Tensor:
    """The smallest radius that breaks each image, (B,) float64: 0 if wrong without attack, inf if none does.

    Every image is bisected on its own; images whose next radius is the same are attacked together. An adversarial
    image that lies closer than the radius attacked at counts at the smallest radius of the grid that holds it.

    balls: of one norm, from the smallest. outcome: passes, seconds and doubts are added to it.
    """
    x, y = sample.x, sample.y
    trials = defaultdict[int, Outcome](lambda: Outcome(outcome.right))
    grid = torch.tensor([ball.eps for ball in balls], dtype=x.dtype, device=x.device)
    right = is_correct(target.model, x, y, target.batch_size)
    low = torch.zeros_like(y)  # how many of the smallest balls the image has withstood
    high = torch.where(right, len(balls), 0)  # index of the smallest ball known to break it
    while (open := low < high).any():
        middle = (low + high) // 2
        place = int(middle[open].mode().values)
        rows = (open & (middle == place)).nonzero().flatten()
        attacked = Attacked(attack, balls[place])
        far = target.distances(attacked, sample.select(rows), trials[place])
        nearest = torch.searchsorted(grid, far).clamp_max(place)
        high[rows] = torch.where(far.isfinite(), nearest, high[rows])
        low[rows] = torch.where(far.isfinite(), low[rows], place + 1)
    for trial in trials.values():
        outcome.forwards += trial.forwards
        outcome.backwards += trial.backwards
        outcome.seconds += trial.seconds
    for reason in {reason for trial in trials.values() for reason in trial.doubts}:
        images = max(trial.doubts.get(reason, 0) for trial in trials.values())  # the same image at several radii
        outcome.doubts[reason] = outcome.doubts.get(reason, 0) + images
    radii = torch.tensor([*(ball.eps for ball in balls), np.inf], dtype=torch.float64, device=x.device)[high]
    return torch.where(right, radii, 0.0)
