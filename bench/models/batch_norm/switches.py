"""Layers that contain several batch norms, of which one is in use: `branch` chooses it, `plain` keeps it alone."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

MAIN_BRANCH = "main"


class Switch(nn.Module, ABC):
    """Base of layers that contain several batch norms, or several networks; `choice` is the one in use."""

    def __init__(self, choice: Any) -> None:
        super().__init__()
        self.choice = choice

    @abstractmethod
    def plain(self) -> nn.Module:
        """An ordinary layer that computes what this one computes at its present choice."""


class SplitBatchNorm(Switch):
    """Named batch norms, each with its own scale, shift and statistics; all start as copies of one."""

    def __init__(self, norm: nn.BatchNorm2d, names: tuple[str, ...]) -> None:
        super().__init__(MAIN_BRANCH)
        self.branches = nn.ModuleDict({name: deepcopy(norm) for name in (MAIN_BRANCH, *names)})

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.branches[self.choice](x)
        return out

    def plain(self) -> nn.BatchNorm2d:
        norm = self.branches[self.choice]
        assert isinstance(norm, nn.BatchNorm2d)
        return norm


class InterpolatedBatchNorm(Switch):
    """Batch norm whose scale and shift are those of the k strengths 0, 1/(k-1), ..., 1, interpolated linearly.

    `choice` is a pair (strength, index of the running statistics in use); (0, 0) is the default.
    """

    def __init__(self, norm: nn.BatchNorm2d, k: int, statistics: int) -> None:
        super().__init__((0.0, 0))
        self.scale = nn.ParameterList(norm.weight.detach().clone() for _ in range(k))
        self.shift = nn.ParameterList(norm.bias.detach().clone() for _ in range(k))
        self.norms = nn.ModuleList(_without_affine(norm) for _ in range(statistics))

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """Scale and shift at the present strength, (C,)."""
        at = self.choice[0] * (len(self.scale) - 1)
        share = [max(0.0, 1 - abs(at - i)) for i in range(len(self.scale))]
        scale, shift = (
            torch.stack([u * w for u, w in zip(share, rows, strict=True)]).sum(0) for rows in (self.scale, self.shift)
        )
        return scale, shift

    def forward(self, x: Tensor) -> Tensor:
        scale, shift = self.scale_and_shift()
        out: Tensor = self.norms[self.choice[1]](x) * scale[:, None, None] + shift[:, None, None]
        return out

    def plain(self) -> nn.BatchNorm2d:
        norm = deepcopy(self.norms[self.choice[1]])
        assert isinstance(norm, nn.BatchNorm2d)
        norm.affine, (norm.weight, norm.bias) = True, map(nn.Parameter, self.scale_and_shift())
        return norm


def _without_affine(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    norm = deepcopy(norm)
    norm.affine = False
    norm.register_parameter("weight", None)
    norm.register_parameter("bias", None)
    return norm


def swap(model: nn.Module, kind: type[Any], make: Callable[[Any], nn.Module]) -> int:
    """Replace every submodule of type `kind` by make(submodule), in place; returns how many there were."""
    count = 0
    for name, child in model.named_children():
        if isinstance(child, kind):
            setattr(model, name, make(child))
            count += 1
        else:
            count += swap(child, kind, make)
    return count
