"""Counts forward and backward passes through models, as a measure of what trainings and attacks cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

BACKWARD = 2.0  # rough cost of a backward pass in forward passes


@dataclass
class Passes:
    """Number of images sent forward through models, and of images whose logits received a gradient."""

    forwards: int = 0
    backwards: int = 0


_counts: ContextVar[tuple[Passes, ...]] = ContextVar("passes counted", default=())


def add_shared_passes(images: int) -> None:
    """Add forward and backward passes of images to all open counts, for results that are reused from another search."""
    for passes in _counts.get():
        passes.forwards += images
        passes.backwards += images


@contextmanager
def count_passes(*models: "nn.Module") -> Iterator[Passes]:
    """Count the passes through these models inside the block; yields the running count."""
    passes = Passes()

    def count(module: "nn.Module", inputs: "tuple[Tensor, ...]", logits: "Tensor") -> None:
        passes.forwards += len(logits)
        if logits.requires_grad:
            logits.register_hook(count_backward)  # type: ignore[no-untyped-call]

    def count_backward(grad: "Tensor") -> None:
        passes.backwards += len(grad)

    handles = [model.register_forward_hook(count) for model in models]
    token = _counts.set((*_counts.get(), passes))
    try:
        yield passes
    finally:
        _counts.reset(token)
        for handle in handles:
            handle.remove()
