"""What a method costs, counted and not declared."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from torch import Tensor, nn

BACKWARD = 2.0  # passes forward that one backward costs, roughly


@dataclass
class Passes:
    """Images sent forward through a model, and images for which a gradient came back."""

    forwards: int = 0
    backwards: int = 0


_counts: ContextVar[tuple[Passes, ...]] = ContextVar("passes counted", default=())


def count_once_more(images: int) -> None:
    """Count passes forward and back that something else has made and that this would have made alone."""
    for passes in _counts.get():
        passes.forwards += images
        passes.backwards += images


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
    token = _counts.set((*_counts.get(), passes))
    try:
        yield passes
    finally:
        _counts.reset(token)
        for handle in handles:
            handle.remove()
