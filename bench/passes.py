"""What a method costs, counted and not declared."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass
class Passes:
    """Images sent forward through a model, and images for which a gradient came back."""

    forwards: int = 0
    backwards: int = 0


@contextmanager
def counting(*models: nn.Module) -> Iterator[Passes]:
    """Count the passes through these models inside the block."""
    passes = Passes()

    def count(module: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> None:
        passes.forwards += len(logits)
        if logits.requires_grad:
            logits.register_hook(count_backward)  # type: ignore[no-untyped-call]

    def count_backward(grad: Tensor) -> None:
        passes.backwards += len(grad)

    handles = [model.register_forward_hook(count) for model in models]
    try:
        yield passes
    finally:
        for handle in handles:
            handle.remove()
