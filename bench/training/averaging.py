"""Exponential moving average (EMA) of weights over the steps of a training.

Its finished models are further views of the run: `ema` for the main view, `ema-NAME` for the others.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel

from bench.core.errors import BadInput
from bench.models.batch_norm.switches import MAIN_BRANCH

EMA = "ema"


class Average:
    """The moving average of a model's weights and of its batch norms' statistics; counts of batches are copied.

    After the first step it equals the model; each later step makes it decay * average + (1 - decay) * model.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """model: before its training. decay: in (0, 1); the average covers about 1 / (1 - decay) steps."""

        @torch.no_grad()
        def move(average: list[Tensor], now: list[Tensor], steps: Tensor | int) -> None:
            if average[0].is_floating_point():  # tensors come grouped by their type
                torch._foreach_lerp_(average, now, 1 - decay)
            else:
                torch._foreach_copy_(average, now)

        self._averaged = AveragedModel(model, multi_avg_fn=move, use_buffers=True)  # type: ignore[arg-type]

    @property
    def model(self) -> nn.Module:
        """The model as prepared for training, with averaged weights."""
        return self._averaged.module

    def update(self, model: nn.Module) -> None:
        """Update the average with the model's weights after a step."""
        self._averaged.update_parameters(model)

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights and the number of steps so far."""
        return self._averaged.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`."""
        self._averaged.load_state_dict(state)


def add_averaged(views: Mapping[str, nn.Module], averaged: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Merge the views of a model with those of its average, named ema or ema-VIEW."""
    return {**views, **{EMA if view == MAIN_BRANCH else f"{EMA}-{view}": net for view, net in averaged.items()}}


def check_averaging(name: str, prepared: nn.Module, views: Mapping[str, nn.Module]) -> None:
    """BadInput if a recipe tunes batch norms alone, or has a view whose name is that of an average.

    name: of the recipe, for messages. prepared: the model as the recipe trains it. views: its finished models.
    """
    norms = {p for m in prepared.modules() if isinstance(m, _BatchNorm) for p in m.parameters(recurse=False)}
    if all(p in norms for p in prepared.parameters() if p.requires_grad):
        raise BadInput(
            f"plan.ema: {name} tunes batch norms alone, and is evaluated between where these began and where they end; "
            "leave plan.ema or this method out"
        )
    if own := [view for view in views if view == EMA or view.startswith(f"{EMA}-")]:
        raise BadInput(f"plan.ema: {name} has a view {own[0]!r} of its own; rename it, or leave plan.ema out")
