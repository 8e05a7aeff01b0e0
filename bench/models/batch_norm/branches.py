"""Split batch norms (auxiliary BN): layers with several batch norms, one of which is chosen, e.g. clean or adversarial.

A recipe adds them in `prepare`. Outside a `branch` block every layer uses its default, so an attack sees an ordinary
model; `plain` turns a trained model into one with ordinary batch norms, to be saved and evaluated.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from torch import nn

from bench.core.errors import BadInput
from bench.models.batch_norm.switches import InterpolatedBatchNorm, SplitBatchNorm, Switch, swap


def add_branches(model: nn.Module, *names: str) -> nn.Module:
    """Give every BatchNorm2d of the model one branch per name, beside the main one, in place.

    Each branch has a scale, a shift and running statistics of its own and begins as a copy of the layer.
    Source: Xie et al. 2020 (AdvProp), arXiv:1911.09665, algorithm 1.

    Args:
        model: images to logits, with BatchNorm2d layers.
        names: of the further branches.

    Returns:
        The same model.

    Raises:
        BadInput: the model has no BatchNorm2d layer.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from bench import add_branches, branch, plain
        >>> model = add_branches(nn.Sequential(nn.BatchNorm2d(1)), "adv")
        >>> with branch(model, "adv"):
        ...     _ = model(torch.ones(2, 1, 4, 4))  # moves the statistics of this branch alone
        >>> plain(model, "main")[0].running_mean, plain(model, "adv")[0].running_mean
        (tensor([0.]), tensor([0.1000]))
    """
    return _replace_batch_norms(model, lambda norm: SplitBatchNorm(norm, names))


def add_masks(model: nn.Module, k: int, statistics: int = 1) -> nn.Module:
    """Give every BatchNorm2d of the model one scale and shift for each of k strengths, in place.

    Inside `branch(model, (strength, i))` the layer has the scale and shift at that strength from 0 to 1, interpolated
    linearly, and the i-th of its running statistics. Source: Cheng et al., ICLR 2021 submission, algorithm 1.

    Args:
        model: images to logits, with BatchNorm2d layers.
        k: strengths 0, 1/(k-1), ..., 1; at least 2.
        statistics: how many running statistics each layer has.

    Returns:
        The same model.

    Raises:
        BadInput: k is below 2, or the model has no BatchNorm2d layer.

    Example:
        >>> from torch import nn
        >>> from bench import add_masks, plain
        >>> model = add_masks(nn.Sequential(nn.BatchNorm2d(1)), k=2)
        >>> _ = nn.init.constant_(model[0].scale[1], 3.0)  # at strength 1; at strength 0 it stays 1
        >>> plain(model, (0.5, 0))[0].weight.item()
        2.0
    """
    if k < 2:
        raise BadInput(f"k={k}: at least 2, as the first mask is for strength 0 and the last for strength 1")
    return _replace_batch_norms(model, lambda norm: InterpolatedBatchNorm(norm, k, statistics))


def _replace_batch_norms(model: nn.Module, make: Callable[[nn.BatchNorm2d], Switch]) -> nn.Module:
    if not swap(model, nn.BatchNorm2d, make):
        raise BadInput("it keeps batch norms apart, and there is no BatchNorm2d layer; choose another model")
    return model


def plain(model: nn.Module, choice: Any) -> nn.Module:
    """Copy the model as one without switches that computes what the model computes at this choice.

    Args:
        model: of `add_branches` or `add_masks`, which is left as it was.
        choice: as in `branch`.

    Returns:
        A model from images (B, C, H, W) to logits (B, K) with ordinary batch norms.

    Raises:
        KeyError: the model has no branch of this name.

    Example:
        >>> from torch import nn
        >>> from bench import add_branches, plain
        >>> model = add_branches(nn.Sequential(nn.BatchNorm2d(3)), "adv")
        >>> type(model[0]).__name__, type(plain(model, "adv")[0]).__name__
        ('SplitBatchNorm', 'BatchNorm2d')
    """
    model = deepcopy(model)
    with branch(model, choice):
        model = model.plain() if isinstance(model, Switch) else model
        swap(model, Switch, lambda switch: switch.plain())
    return model


@contextmanager
def branch(model: nn.Module, choice: Any) -> Iterator[None]:
    """Choose the batch norms of a model with several: inside the block, every layer uses the chosen one.

    The forward and backward passes in the block take its scale and shift, and in training mode its running statistics
    are those that move. Blocks may be nested; at the end of one, the choice before it is restored.

    Args:
        model: of `add_branches` or `add_masks`; for another model the block has no effect.
        choice: after `add_branches` the name of a branch (`main` is the one in use outside all blocks); after
            `add_masks` a pair (strength of the mask from 0 to 1, index of the running statistics).

    Raises:
        KeyError: on a forward pass in the block, where there is no branch of this name.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from bench import add_branches, branch
        >>> model = add_branches(nn.Sequential(nn.BatchNorm2d(1)), "adv").eval()
        >>> _ = nn.init.constant_(model[0].branches["adv"].bias, 2.0)
        >>> with branch(model, "adv"):
        ...     inside = model(torch.zeros(1, 1, 1, 1)).item()
        >>> inside, model(torch.zeros(1, 1, 1, 1)).item()
        (2.0, 0.0)
    """
    before = {m: m.choice for m in model.modules() if isinstance(m, Switch)}
    for switch in before:
        switch.choice = choice
    try:
        yield
    finally:
        for switch, old in before.items():
            switch.choice = old
