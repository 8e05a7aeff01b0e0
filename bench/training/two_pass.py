"""A loss computed twice on one batch, for recipes that look at it before they choose the weights to compute it with."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.attacks.ascent import recorded_maxima
from bench.core.rng import undrawn


class Shifted(nn.Module):
    """The model with some of its weights moved by a fixed amount; gradients reach the weights themselves."""

    def __init__(self, model: nn.Module, moves: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.model, self.moves = model, moves
        self.training = model.training

    def forward(self, x: Tensor) -> Tensor:
        weights = dict(self.model.named_parameters())
        out: Tensor = torch.func.functional_call(self.model, {k: weights[k] + v for k, v in self.moves.items()}, (x,))
        return out


@contextmanager
def rehearsed(model: nn.Module) -> Iterator[list[Tensor]]:
    """What happens in the block leaves no trace in running statistics and random numbers.

    Yields the list in which the adversarial images found in the block are noted.
    """
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        with undrawn(), recorded_maxima() as attacks:
            yield attacks
    finally:
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])
