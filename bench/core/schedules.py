"""Learning rate schedules by step, as shares from 0 to 1 of the highest rate. Steps are counted from 0.

Arguments: warm_up, steps in which the rate rises, need not be whole; low, the share at which the rise begins.
The schedules that change once an epoch are in `bench.core.plan`: `Plan.lr_at`.
"""

import math
from collections.abc import Sequence
from typing import Literal

Anneal = Literal["linear", "cosine"]

FINAL_SHARE = 1e-4  # a one-cycle ends at FINAL_SHARE * low; 1 / final_div_factor of torch's OneCycleLR


def rise(step: int, warm_up: float, low: float) -> float:
    """Rise linearly from `low` at step 0 to 1 at step `warm_up`, then stay at 1, as torch's LinearLR."""
    return low + (1 - low) * step / warm_up if step < warm_up else 1.0


def cosine(step: int, steps: int, warm_up: float, low: float) -> float:
    """Warm up, then fall to 0 along half a cosine, as torch's CosineAnnealingLR after its LinearLR."""
    if step < warm_up:
        return rise(step, warm_up, low)
    return _interpolate(1.0, 0.0, (step - warm_up) / (steps - warm_up), "cosine")


def multi_step(step: int, steps: int, warm_up: float, low: float, milestones: Sequence[float]) -> float:
    """Warm up, then divide by 10 at each milestone, a share of all steps, as torch's MultiStepLR."""
    return float(rise(step, warm_up, low) * 0.1 ** sum(step >= m * steps for m in milestones))


def one_cycle(step: int, steps: int, warm_up: float, low: float, anneal: Anneal) -> float:
    """Rise to 1, then fall to FINAL_SHARE * low, both linearly or both along half cosines, as torch's OneCycleLR.

    Its pct_start is warm_up / steps, its div_factor 1 / low, and its anneal_strategy `anneal`.
    """
    top, last = max(warm_up - 1, 0.0), steps - 1
    if step < top:
        return _interpolate(low, 1.0, step / top, anneal)
    return _interpolate(1.0, FINAL_SHARE * low, (step - top) / (last - top), anneal) if top < last else 1.0


def _interpolate(first: float, last: float, share: float, anneal: Anneal) -> float:
    """The value after a share (0 to 1) of the way from `first` to `last`."""
    if anneal == "cosine":
        share = (1 - math.cos(math.pi * share)) / 2
    return first + (last - first) * share
