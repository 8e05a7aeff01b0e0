"""The smallest radius of a grid that breaks each image, in few attacks."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bench.attacks.spec import AttackSpec
from bench.core.threat import Threat
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.outcome import Outcome, is_correct
from bench.evaluation.target import Target


def smallest_radii(
    target: Target, attack: AttackSpec, balls: Sequence[Threat], ids: range, x: Tensor, y: Tensor, outcome: Outcome
) -> Tensor:
    """As `Swept` speaks of them, (B,) float64. The cost goes to the outcome. balls: from the smallest.

    Each image halves the radii that are left to it, with all others that are to be attacked at the same one. An image
    that is found nearer than it was looked for counts as broken at the smallest radius that holds it.
    """
    trials = defaultdict[int, Outcome](lambda: Outcome(outcome.right))
    grid = torch.tensor([ball.eps for ball in balls], dtype=x.dtype, device=x.device)
    right = is_correct(target.model, x, y, target.batch_size)
    low = torch.zeros_like(y)  # balls that are known to be withstood, all smaller ones included
    high = torch.where(right, len(balls), 0)  # place of one that is known not to be
    while (open := low < high).any():
        middle = (low + high) // 2
        place = int(middle[open].mode().values)
        rows = (open & (middle == place)).nonzero().flatten()
        attacked = Attacked(attack, balls[place])
        far = target.distances(attacked, [ids[row] for row in rows.tolist()], x[rows], y[rows], trials[place])
        nearest = torch.searchsorted(grid, far).clamp_max(place)
        high[rows] = torch.where(far.isfinite(), nearest, high[rows])
        low[rows] = torch.where(far.isfinite(), low[rows], place + 1)
    for trial in trials.values():
        outcome.forwards += trial.forwards
        outcome.backwards += trial.backwards
        outcome.seconds += trial.seconds
    for reason in {reason for trial in trials.values() for reason in trial.doubts}:
        images = max(trial.doubts.get(reason, 0) for trial in trials.values())  # an image may doubt at several radii
        outcome.doubts[reason] = outcome.doubts.get(reason, 0) + images
    radii = torch.tensor([*(ball.eps for ball in balls), np.inf], dtype=torch.float64, device=x.device)[high]
    return torch.where(right, radii, 0.0)
