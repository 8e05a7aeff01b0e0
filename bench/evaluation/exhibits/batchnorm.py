"""What fine-tuning does to batch norms, and to the features behind the first of them.

After "Adversarial Masking: Towards Understanding Robustness Trade-off for Generalization", ICLR 2021 submission:
figures 1 and 4, table 9.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.core.errors import Failed
from bench.data.loader import to_float
from bench.evaluation.exhibits.exhibit import EXHIBITS, Columns, Exhibit, ExhibitInput

STATISTICS = ("running_mean", "running_var", "weight", "bias")
MOST_MAPS, MOST_PIXELS = 64, 65_536  # of each model; what keeps the file below 1 MB


def batchnorm(specimen: ExhibitInput) -> Columns:
    """Each channel's statistics, scale and shift, layers in forward order; the start's beside them as `start_...`."""
    x = to_float(specimen.images.x[:1])
    layers = list(outputs(specimen.model, x))
    columns: dict[str, list[object]] = {
        "layer": [layer for layer, norm in enumerate(layers, 1) for _ in range(norm.num_features)],
        "channel": [channel for norm in layers for channel in range(norm.num_features)],
    }
    for prefix, net in (("", specimen.model), ("start_", _start(specimen))):
        for name in STATISTICS:
            columns[prefix + name] = [value for norm in outputs(net, x) for value in _values(norm, name)]
    return columns


def features(specimen: ExhibitInput) -> Columns:
    """The first image's maps behind the first batch norm and a ReLU, before and after the fine-tuning.

    A line a map; `pixels` are the values of its rows one after another, to four digits.
    """
    x = to_float(specimen.images.x[:1])
    columns: dict[str, list[object]] = {name: [] for name in ("when", "channel", "height", "width", "pixels")}
    for when, net in (("before", _start(specimen)), ("after", specimen.model)):
        maps = next(iter(outputs(net, x).values()))[0].relu()
        height, width = maps.shape[1:]
        for channel, shown in enumerate(maps[: max(1, min(MOST_MAPS, MOST_PIXELS // (height * width)))]):
            pixels = " ".join(f"{value:.4g}" for value in shown.flatten().tolist())
            for name, value in zip(columns, (when, channel, height, width, pixels), strict=True):
                columns[name].append(value)
    return columns


def outputs(model: nn.Module, x: Tensor) -> dict[nn.BatchNorm2d, Tensor]:
    """What each batch norm makes of images x, (B, C, H, W), in the order in which the model asks them."""
    found: dict[nn.BatchNorm2d, Tensor] = {}
    with noting(model, found), torch.no_grad():
        model(x)
    if not found:
        raise Failed("the model has no BatchNorm2d layer")
    return found


@contextmanager
def noting(model: nn.Module, found: dict[nn.BatchNorm2d, Tensor]) -> Iterator[None]:
    """Inside the block, what the model's batch norms return is noted."""

    def note(norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        found[norm] = output.clone()  # a ReLU behind it may work in place

    handles = [norm.register_forward_hook(note) for norm in model.modules() if isinstance(norm, nn.BatchNorm2d)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _start(specimen: ExhibitInput) -> nn.Module:
    assert specimen.start is not None, "asked for with beside_start alone"
    return specimen.start


def _values(norm: nn.BatchNorm2d, name: str) -> list[float]:
    values: Tensor | None = getattr(norm, name)
    return [math.nan] * norm.num_features if values is None else values.tolist()


EXHIBITS.add("batchnorm", Exhibit(batchnorm, most=1, beside_start=True))
EXHIBITS.add("features", Exhibit(features, most=1, beside_start=True))
