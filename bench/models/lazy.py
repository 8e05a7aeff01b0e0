"""Lazy layers (`nn.LazyLinear`, `nn.LazyConv2d`), whose weights have no shape before they have seen images."""

import torch
from torch import nn
from torch.nn.parameter import is_lazy


def has_lazy_layers(net: nn.Module) -> bool:
    """Whether a weight or buffer of the model has no shape yet."""
    return any(is_lazy(tensor) for tensor in (*net.parameters(), *net.buffers()))


def settle_lazy_layers(net: nn.Module, shape: tuple[int, int, int]) -> None:
    """Give lazy layers their weights by a forward pass of two images in evaluation mode; the mode is then as before.

    A model without lazy layers is not called. shape: (C, H, W) of an image.
    """
    if has_lazy_layers(net):
        mode = net.training
        with torch.no_grad():
            net.eval()(torch.zeros(2, *shape))
        net.train(mode)
