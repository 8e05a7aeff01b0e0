"""Training that moves nothing but batch norms, and models between the one it began with and the one it ended with."""

from copy import deepcopy
from typing import Literal

from torch import nn

from bench.models.split_batchnorm import MAIN, SplitBatchNorm, add_branches, swap

START = "start"


def tuned(model: nn.Module) -> nn.Module:
    """Freeze all but the batch norms' scales and shifts, which keep a copy of what they were: branch `start`. In place.

    Running statistics of the main branch go on moving in training mode.
    """
    add_branches(model.requires_grad_(False), START)
    for switch in (m for m in model.modules() if isinstance(m, SplitBatchNorm)):
        switch.branches[MAIN].requires_grad_(True)
    return model


def blended(model: nn.Module, share: float, statistics: Literal["blended", "start", "main"]) -> nn.Module:
    """A plain copy of a `tuned` model whose batch norms went back this share of the way to where they started.

    statistics: the running ones go back as well, or are those of one of the branches.
    """

    def between(switch: SplitBatchNorm) -> nn.Module:
        norm, start = deepcopy(switch.branches[MAIN]), switch.branches[START].state_dict()
        back = {"blended": share, "start": 1.0, "main": 0.0}[statistics]
        for name, now in norm.state_dict().items():
            if now.is_floating_point():  # all but the count of batches
                now.lerp_(start[name], back if name.startswith("running") else share)
        return norm

    model = deepcopy(model)
    swap(model, SplitBatchNorm, between)
    return model.requires_grad_(True)
