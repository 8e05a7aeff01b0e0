"""Lets models be called with a batch of no images."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def no_empty_batches(model: nn.Module) -> Iterator[None]:
    """Inside the block, the model can be called with an empty batch (0, C, H, W) and returns logits (0, K).

    Many models fail on it, such as those that flatten by `x.view(x.size(0), -1)`. Hooks replace it by one black image
    and cut its logits off again.
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
