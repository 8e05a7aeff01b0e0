"""Batch norm statistics, and features behind the first batch norm, before and after a fine-tuning.

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
MAX_MAPS, MAX_PIXELS = 64, 65_536  # of each model, so that the file stays below 1 MB


def measure_batchnorm(inputs: ExhibitInput) -> Columns:
    """Statistics, scale and shift of each channel, layers in forward order; `start_...` are those of the base model."""
    x = to_float(inputs.images.x[:1])
    layers = list(record_outputs(inputs.model, x))
    columns: dict[str, list[object]] = {
        "layer": [layer for layer, norm in enumerate(layers, 1) for _ in range(norm.num_features)],
        "channel": [channel for norm in layers for channel in range(norm.num_features)],
    }
    for prefix, net in (("", inputs.model), ("start_", _start(inputs))):
        for name in STATISTICS:
            columns[prefix + name] = [value for norm in record_outputs(net, x) for value in _values(norm, name)]
    return columns


def measure_features(inputs: ExhibitInput) -> Columns:
    """Feature maps of the first image, behind the first batch norm and a ReLU, before and after the fine-tuning.

    One row a map; `pixels` are its values, row by row, to four digits.
    """
    x = to_float(inputs.images.x[:1])
    columns: dict[str, list[object]] = {name: [] for name in ("when", "channel", "height", "width", "pixels")}
    for when, net in (("before", _start(inputs)), ("after", inputs.model)):
        maps = next(iter(record_outputs(net, x).values()))[0].relu()
        height, width = maps.shape[1:]
        for channel, shown in enumerate(maps[: max(1, min(MAX_MAPS, MAX_PIXELS // (height * width)))]):
            pixels = " ".join(f"{value:.4g}" for value in shown.flatten().tolist())
            for name, value in zip(columns, (when, channel, height, width, pixels), strict=True):
                columns[name].append(value)
    return columns


def record_outputs(model: nn.Module, x: Tensor) -> dict[nn.BatchNorm2d, Tensor]:
    """The output of each batch norm for images x, (B, C, H, W), in forward order. Failed if it has none."""
    recorded: dict[nn.BatchNorm2d, Tensor] = {}
    with _record_outputs(model, recorded), torch.no_grad():
        model(x)
    if not recorded:
        raise Failed("the model has no BatchNorm2d layer")
    return recorded


@contextmanager
def _record_outputs(model: nn.Module, recorded: dict[nn.BatchNorm2d, Tensor]) -> Iterator[None]:
    """Inside the block, the outputs of the model's batch norms are recorded."""

    def record(norm: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        recorded[norm] = output.clone()  # a ReLU behind it may change it in place

    handles = [norm.register_forward_hook(record) for norm in model.modules() if isinstance(norm, nn.BatchNorm2d)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _start(inputs: ExhibitInput) -> nn.Module:
    assert inputs.start is not None, "only exhibits with beside_start need it"
    return inputs.start


def _values(norm: nn.BatchNorm2d, name: str) -> list[float]:
    values: Tensor | None = getattr(norm, name)
    return [math.nan] * norm.num_features if values is None else values.tolist()


EXHIBITS.add("batchnorm", Exhibit(measure_batchnorm, max_images=1, beside_start=True))
EXHIBITS.add("features", Exhibit(measure_features, max_images=1, beside_start=True))
