"""Calls into code that is not ours: models, attacks, recipes, readers of data sets."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def never_empty(model: nn.Module) -> Iterator[None]:
    """Inside the block, an empty batch that somebody's attack sends to the model does not reach its code.

    Many models cannot compute it, such as those that flatten by `x.view(x.size(0), -1)`. The model computes one black
    image in its place, and its logits are cut off again: (0, K).
    """
    stands_in = False

    def fill(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        nonlocal stands_in
        x = inputs[0] if inputs else None
        stands_in = isinstance(x, Tensor) and x.ndim > 0 and not len(x)
        return (torch.cat([x, x.new_zeros(1, *x.shape[1:])]), *inputs[1:]) if stands_in and x is not None else None

    def cut(_: nn.Module, inputs: tuple[Tensor, ...], logits: Tensor) -> Tensor | None:
        return logits[:0] if stands_in else None

    handles = [model.register_forward_pre_hook(fill), model.register_forward_hook(cut)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
