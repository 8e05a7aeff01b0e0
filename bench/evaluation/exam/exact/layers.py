"""Networks as lists of matrices in float64, and bounds of what each layer holds for images of a box."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.core.errors import BadInput

Array = NDArray[np.float64]
Activation = Literal["relu", "clamp", "none"]  # max(h, 0); min(max(h, 0), 1); h


@dataclass(frozen=True)
class Layer:
    """An affine map and the activation behind it: activation(weight a + bias), of a flattened a."""

    weight: Array  # (out, in)
    bias: Array  # (out,)
    activation: Activation


@dataclass(frozen=True)
class Interval:
    """Lower and upper bounds of a vector, (n,) each."""

    low: Array
    high: Array

    def through(self, weight: Array, bias: Array) -> "Interval":
        """Bounds of weight a + bias, where a is in this interval."""
        up, down = weight.clip(0), weight.clip(None, 0)
        return Interval(up @ self.low + down @ self.high + bias, up @ self.high + down @ self.low + bias)

    def after_activation(self, activation: Activation) -> "Interval":
        """Bounds behind an activation, which all are increasing."""
        return Interval(activate(self.low, activation), activate(self.high, activation))


def activate(h: Array, activation: Activation) -> Array:
    """The activation of pre-activations of any shape."""
    most = {"relu": np.inf, "clamp": 1.0}
    return h if activation == "none" else h.clip(0, most[activation])


def layers_of(net: nn.Sequential, shape: tuple[int, ...]) -> list[Layer]:
    """The layers of a sequence of linear layers, convolutions, ReLUs and clamps to [0, 1], for images of a shape.

    Raises:
        BadInput: it has a module of another kind.
    """
    layers = list[Layer]()
    for module in net:
        if isinstance(module, nn.Flatten):
            shape = (int(np.prod(shape)),)
        elif isinstance(module, nn.Linear | nn.Conv2d):
            weight, bias, shape = _matrix(module, shape)
            layers.append(Layer(weight, bias, "none"))
        elif isinstance(module, nn.ReLU) or (isinstance(module, nn.Hardtanh) and module.min_val == 0):
            before = layers.pop()
            layers.append(Layer(before.weight, before.bias, "relu" if isinstance(module, nn.ReLU) else "clamp"))
        else:
            raise BadInput(f"{type(module).__name__} is no layer that the exact method knows")
    return layers


def _matrix(module: nn.Module, shape: tuple[int, ...]) -> tuple[Array, Array, tuple[int, ...]]:
    """The matrix, the bias and the shape of the output of an affine module, by its values at unit vectors."""
    size = int(np.prod(shape))
    units = torch.cat([torch.zeros(1, size), torch.eye(size)]).double().view(size + 1, *shape)
    weights = {name: value.double() for name, value in module.state_dict().items()}
    with torch.no_grad():
        out = torch.func.functional_call(module, weights, (units,))
    flat = out.flatten(1).numpy()
    return (flat[1:] - flat[0]).T, flat[0], tuple(out.shape[1:])


def logits(layers: list[Layer], x: Array) -> Array:
    """The logits (K,) of a flattened image x, in float64."""
    for layer in layers:
        x = activate(layer.weight @ x + layer.bias, layer.activation)
    return x


def pre_activations(layers: list[Layer], box: Interval) -> list[Interval]:
    """Bounds of the pre-activations of each layer, for images in a box."""
    found = []
    for layer in layers:
        inside = box.through(layer.weight, layer.bias)
        found.append(inside)
        box = inside.after_activation(layer.activation)
    return found
