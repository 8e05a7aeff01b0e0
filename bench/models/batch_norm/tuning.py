"""Tuning of batch norms alone, and interpolation of their parameters between its start and its end."""

from copy import deepcopy
from typing import Literal

from torch import nn

from bench.models.batch_norm.branches import add_branches
from bench.models.batch_norm.switches import MAIN_BRANCH, SplitBatchNorm, swap

START_BRANCH = "start"


def tuned(model: nn.Module) -> nn.Module:
    """Freeze everything but the scales and shifts of the batch norms, in place.

    The batch norms keep a copy of what they were as the branch `start`. Running statistics of the main branch go on
    moving in training mode. Source: Cheng et al., ICLR 2021 submission, sec. 3.1.

    Returns:
        The same model.

    Raises:
        BadInput: the model has no BatchNorm2d layer.

    Example:
        >>> from torch import nn
        >>> from bench import tuned
        >>> model = tuned(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)))
        >>> [name for name, weight in model.named_parameters() if weight.requires_grad]
        ['1.branches.main.weight', '1.branches.main.bias']
    """
    add_branches(model.requires_grad_(False), START_BRANCH)
    for switch in (m for m in model.modules() if isinstance(m, SplitBatchNorm)):
        switch.branches[MAIN_BRANCH].requires_grad_(True)
    return model


def blended(model: nn.Module, share: float, statistics: Literal["blended", "start", "main"]) -> nn.Module:
    """Copy a `tuned` model with its batch norms moved back towards where they started.

    Args:
        model: of `tuned`, trained since; images (B, C, H, W) to logits (B, K).
        share: of the way back, from 0 (as trained) to 1 (as at the start).
        statistics: `blended`, the running statistics go back as well; `start` or `main`, they are those of the branch.

    Returns:
        A model without switches; the given one is left as it was.

    Example:
        >>> from torch import nn
        >>> from bench import blended, tuned
        >>> model = tuned(nn.Sequential(nn.BatchNorm2d(1)))
        >>> _ = nn.init.constant_(model[0].branches["main"].weight, 3.0)  # from 1
        >>> blended(model, 0.5, "blended")[0].weight.item()
        2.0
    """

    def interpolate(switch: SplitBatchNorm) -> nn.Module:
        norm, start = deepcopy(switch.branches[MAIN_BRANCH]), switch.branches[START_BRANCH].state_dict()
        back = {"blended": share, "start": 1.0, "main": 0.0}[statistics]
        for name, now in norm.state_dict().items():
            if now.is_floating_point():  # all but the count of batches
                now.lerp_(start[name], back if name.startswith("running") else share)
        return norm

    model = deepcopy(model)
    swap(model, SplitBatchNorm, interpolate)
    return model.requires_grad_(True)
