"""Layers that compute one of several things, for recipes that keep clean and adversarial batch norms apart.

Only a recipe that asks for them in `prepare` ever meets them. Outside a `branch` block every switch stands at its
default, so an attack sees an ordinary model; and `plain` turns a trained model into one without switches to save and
evaluate.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from bench.errors import BadInput

MAIN = "main"


class Switch(nn.Module, ABC):
    """A batch norm of several kinds. `choice` says which one it is at the moment."""

    def __init__(self, choice: Any) -> None:
        super().__init__()
        self.choice = choice

    @abstractmethod
    def plain(self) -> nn.BatchNorm2d:
        """The ordinary layer that does what this one does at its present choice."""


class Branched(Switch):
    """Batch norms by name, each with its own scale, shift and statistics; all begin as copies of one."""

    def __init__(self, norm: nn.BatchNorm2d, names: tuple[str, ...]) -> None:
        super().__init__(MAIN)
        self.branches = nn.ModuleDict({name: deepcopy(norm) for name in (MAIN, *names)})

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.branches[self.choice](x)
        return out

    def plain(self) -> nn.BatchNorm2d:
        norm = self.branches[self.choice]
        assert isinstance(norm, nn.BatchNorm2d)
        return norm


def add_branches(model: nn.Module, *names: str) -> nn.Module:
    """Give every batch norm of the model one branch per name, beside the main one. In place."""
    return switched(model, lambda norm: Branched(norm, names))


def switched(model: nn.Module, make: Callable[[nn.BatchNorm2d], Switch]) -> nn.Module:
    """Put a switch in the place of every batch norm. In place."""
    if not _replace(model, nn.BatchNorm2d, make):
        raise BadInput("this method keeps batch norms apart, and the model has no BatchNorm2d layer")
    return model


def plain(model: nn.Module, choice: Any) -> nn.Module:
    """A copy of the model that computes what the model computes at this choice, and has no switch."""
    model = deepcopy(model)
    with branch(model, choice):
        _replace(model, Switch, lambda switch: switch.plain())
    return model


@contextmanager
def branch(model: nn.Module, choice: Any) -> Iterator[None]:
    """Inside the block, every switch of the model stands at `choice`."""
    before = {m: m.choice for m in model.modules() if isinstance(m, Switch)}
    for switch in before:
        switch.choice = choice
    try:
        yield
    finally:
        for switch, old in before.items():
            switch.choice = old


def _replace(model: nn.Module, kind: type[Any], make: Callable[[Any], nn.Module]) -> int:
    """Swap every submodule of type `kind` for make(it), in place; how many there were."""
    count = 0
    for name, child in model.named_children():
        if isinstance(child, kind):
            setattr(model, name, make(child))
            count += 1
        else:
            count += _replace(child, kind, make)
    return count
