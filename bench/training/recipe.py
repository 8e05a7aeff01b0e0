"""The base class of training recipes, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.options import Options
from bench.core.registration.checks import instance_check
from bench.core.registry import Registry
from bench.core.threats.lengths import Pixels

T = TypeVar("T")


@dataclass(frozen=True)
class Recipe(Options, ABC):
    """Base of every training recipe: a frozen dataclass with hyper-parameters as fields and the loss of a batch.

    A subclass writes `loss`; the other methods are rarely needed. `RECIPES.add(name, value)` registers a value of it.
    Fields annotated `Pixels` are lengths for a radius of 8/255 and are scaled to the data set's own.

    Example:
        >>> from dataclasses import dataclass
        >>> import torch
        >>> from bench import Recipe, cross_entropy
        >>> @dataclass(frozen=True)
        ... class Plain(Recipe):
        ...     def loss(self, model, x, q):
        ...         return cross_entropy(model(x), q).mean()
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
        >>> Plain().loss(model, torch.zeros(2, 1, 2, 2), torch.eye(3)[:2]).shape
        torch.Size([])
    """

    decay: Literal["all", "kernels"] = field(
        default="all", kw_only=True
    )  # weights with weight decay: all, or only kernels (no biases, no batch norms)

    @abstractmethod
    def loss(self, model: nn.Module, x: Tensor, q: Tensor) -> Tensor:
        """Compute the loss of a batch.

        Args:
            model: in training mode; images (B, C, H, W) in [0, 1] to logits (B, K).
            x: images (B, C, H, W) in [0, 1], augmented.
            q: labels (B, K), distributions over the classes.

        Returns:
            A tensor of shape () through which gradients reach the weights.
        """

    def losses(self, model: nn.Module, x: Tensor, q: Tensor, carried: dict[str, Tensor]) -> Iterator[Tensor]:
        """Yield the loss of each update of the weights on a batch; by default there is one, of `loss`.

        When the next one is asked for, the training has updated the weights by the gradient of the last one, and that
        gradient is also in the images through which it went, where they require one.

        Args:
            model: as for `loss`.
            x: images (B, C, H, W) in [0, 1], augmented.
            q: labels (B, K), distributions over the classes.
            carried: tensors that the recipe leaves there on one batch, and finds on the next; empty as an epoch begins.
        """
        yield self.loss(model, x, q)

    def start(self) -> str:
        """Return the name of the recipe whose finished model the training continues from; empty for a new model."""
        return ""

    def helper(self) -> str:
        """Return the name of the recipe whose finished model a new model is trained with; empty if there is none.

        The network `helper` that `prepare` adds by `add_network` gets its weights. Beside `start` it has no effect.
        """
        return ""

    def prepare(self, model: nn.Module) -> nn.Module:
        """Return the model to train, such as the given one with further branches of its batch norms.

        Raises:
            BadInput: the recipe cannot train such a model.
        """
        return model

    def finish(self, model: nn.Module) -> Mapping[str, nn.Module]:
        """Return the models to evaluate once training is over, by the name of their view; `main` must be there."""
        return {"main": model}


RECIPES: Registry[Recipe] = Registry("method", instance_check(Recipe, "a method is a value of a subclass of Recipe"))


def list_starts(recipe: Recipe) -> list[str]:
    """Names of the recipes whose models a recipe continues from or is helped by, the nearest first.

    BadInput if they form a circle.
    """
    names: list[str] = []
    while name := recipe.start() or recipe.helper():
        if name in names:
            raise BadInput(f"start() goes in a circle, {' from '.join([*names, name])}; one of them is to return ''")
        names.append(name)
        recipe = RECIPES[name]
    return names


def scaled(value: T, factor: float) -> T:
    """Multiply every field annotated `Pixels`, also those of dataclasses inside.

    Args:
        value: a recipe, or any other frozen dataclass.
        factor: the radius to train for over 8/255.

    Returns:
        A new value of the same class; the value itself if factor is 1 or it is no dataclass.

    Example:
        >>> from bench import Ascent, Linf, scaled
        >>> scaled(Ascent(Linf(0.1), steps=3, step_size=0.05), 2)
        Ascent(threat=Linf(eps=0.2), steps=3, step_size=0.1, start='random')
    """
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
