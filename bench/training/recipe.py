"""What a training recipe is: its hyper-parameters, and the loss of one batch."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.options import Options
from bench.core.registrable import an_instance_of
from bench.core.registry import Registry
from bench.core.threat import Pixels

T = TypeVar("T")


@dataclass(frozen=True)
class Recipe(Options, ABC):
    """Subclass it, add hyper-parameters as fields, write `loss`. The other hooks are rarely needed."""

    decay: Literal["all", "kernels"] = field(
        default="all", kw_only=True
    )  # which weights decay; kernels: no bias, no norm

    @abstractmethod
    def loss(self, model: nn.Module, x: Tensor, q: Tensor) -> Tensor:
        """What to descend on images x (B, C, H, W) in [0, 1] with labels q (B, K); a scalar."""

    def start(self) -> str:
        """Name of the recipe whose finished model is trained on; empty: a new model."""
        return ""

    def prepare(self, model: nn.Module) -> nn.Module:
        """The model to train, e.g. with extra batch-norm branches."""
        return model

    def finish(self, model: nn.Module) -> Mapping[str, nn.Module]:
        """The plain models to evaluate once training is over, by view name."""
        return {"main": model}


RECIPES: Registry[Recipe] = Registry("method", an_instance_of(Recipe, "a method is a value of a subclass of Recipe"))


def starts(recipe: Recipe) -> list[str]:
    """Names of the recipes whose finished models it goes on from, nearest first. BadInput where they go in a circle."""
    names: list[str] = []
    while name := recipe.start():
        if name in names:
            raise BadInput(f"start() goes in a circle, {' from '.join([*names, name])}; one of them is to return ''")
        names.append(name)
        recipe = RECIPES[name]
    return names


def scaled(value: T, factor: float) -> T:
    """A frozen dataclass with every field annotated `Pixels` multiplied, those of the dataclasses inside it too."""
    if factor == 1:
        return value
    if not is_dataclass(value) or isinstance(value, type):
        return value
    hints = get_type_hints(type(value), include_extras=True)
    changes: dict[str, Any] = {}
    for f in fields(value):
        old = getattr(value, f.name)
        if hints[f.name] == Pixels:
            changes[f.name] = old * factor
        elif get_origin(hints[f.name]) is tuple and Pixels in get_args(hints[f.name]):
            changes[f.name] = tuple(radius * factor for radius in old)
        elif is_dataclass(old):
            changes[f.name] = scaled(old, factor)
    return replace(value, **changes)
