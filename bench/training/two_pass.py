"""Tools for recipes that compute a loss twice on one batch, such as AWP: for a weight perturbation, then with it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.attacks.searches.ascent import record_maxima
from bench.core.rng import preserve_random_state


class Shifted(nn.Module):
    """A model whose weights are shifted by fixed tensors; gradients flow to the unshifted weights.

    Args:
        model: images (B, C, H, W) to logits (B, K).
        moves: what is added to each weight, by its name in `named_parameters` and of its shape.

    Example:
        >>> import torch
        >>> from bench import Shifted
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> _ = torch.nn.init.ones_(model.weight)
        >>> moved = Shifted(model, {"weight": torch.tensor([[2.0]])})
        >>> (moved(torch.ones(1, 1)) - model(torch.ones(1, 1))).item()
        2.0
    """

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
    """Run a first pass of a loss: buffers (running statistics) and random state are restored after the block.

    Yields:
        The list to which each inner maximisation in the block adds its images (B, C, H, W), for `recalled`.

    Example:
        >>> import torch
        >>> from bench import rehearsed
        >>> model = torch.nn.BatchNorm2d(1)
        >>> with rehearsed(model) as attacks:
        ...     _ = model(torch.ones(2, 1, 4, 4))
        >>> model.running_mean, attacks
        (tensor([0.]), [])
    """
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        with preserve_random_state(), record_maxima() as attacks:
            yield attacks
    finally:
        for name, buffer in model.named_buffers():
            buffer.copy_(before[name])
