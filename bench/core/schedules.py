"""Learning rates by step, as shares of the highest one. Steps are counted from 0.

warm_up: how many steps the rate rises for, which need not be whole. low: the share that it begins to rise from.
"""

import math
from collections.abc import Sequence
from typing import Literal

Anneal = Literal["linear", "cosine"]

FINAL = 1e-4  # of `low`: where a one-cycle ends, as `final_div_factor` of torch's OneCycleLR


def rise(step: int, warm_up: float, low: float) -> float:
    """Linearly from `low` at step 0 to 1 at step `warm_up`, and 1 from there on, as torch's LinearLR."""
    return low + (1 - low) * step / warm_up if step < warm_up else 1.0


def cosine(step: int, steps: int, warm_up: float, low: float) -> float:
    """After the warm-up down half a cosine to nothing, as torch's CosineAnnealingLR behind its LinearLR."""
    if step < warm_up:
        return rise(step, warm_up, low)
    return _between(1.0, 0.0, (step - warm_up) / (steps - warm_up), "cosine")


def falls(step: int, steps: int, warm_up: float, low: float, milestones: Sequence[float]) -> float:
    """Tenfold down at each milestone, a share of all steps, as torch's MultiStepLR; with the warm-up before."""
    return float(rise(step, warm_up, low) * 0.1 ** sum(step >= m * steps for m in milestones))


def one_cycle(step: int, steps: int, warm_up: float, low: float, anneal: Anneal) -> float:
    """Up to 1 and down to FINAL times `low`, both along lines or both along half cosines, as torch's OneCycleLR.

    In its words pct_start is warm_up / steps, div_factor is 1 / low, and anneal is anneal_strategy.
    """
    top, last = max(warm_up - 1, 0.0), steps - 1
    if step < top:
        return _between(low, 1.0, step / top, anneal)
    return _between(1.0, FINAL * low, (step - top) / (last - top), anneal) if top < last else 1.0


def _between(first: float, last: float, share: float, anneal: Anneal) -> float:
    """The value after a share of the way from the first to the last."""
    if anneal == "cosine":
        share = (1 - math.cos(math.pi * share)) / 2
    return first + (last - first) * share
