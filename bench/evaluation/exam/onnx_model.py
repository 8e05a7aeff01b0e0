"""Networks in ONNX files, as modules of torch; needs the extra `onnx`."""

from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.foreign.messages import format_error
from bench.core.parsing import printable

INSTALL = "install it by `uv sync --extra onnx`, or `pip install onnx onnx2torch`"
TOLERANCE = 1e-4  # largest allowed difference of logits to ONNX's own evaluator, as a share of the largest logit


class OnnxNet(nn.Module):
    """A converted network that takes images (B, C, H, W) and returns logits (B, K).

    shape: of one input of the file, without the number of images.
    """

    def __init__(self, net: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.net, self.shape = net, shape

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x.reshape(len(x), *self.shape))
        return logits.reshape(len(x), -1)


def load_onnx(path: Path) -> tuple[OnnxNet, tuple[int, int, int]]:
    """The network of a file, and the shape (C, H, W) of its images; pixels are in the order of the file's input.

    Raises:
        BadInput: the package is not installed, the file is no network of one input of known size, or an operator cannot
            be converted.
    """
    try:
        import onnx
        import onnx2torch
    except ImportError as error:
        raise BadInput(f"--onnx needs the package {error.name}; {INSTALL}") from error
    try:
        proto = onnx.load(path)
        known = {tensor.name for tensor in proto.graph.initializer}
        (given,) = [value for value in proto.graph.input if value.name not in known]
        shape = tuple(int(size.dim_value) for size in given.type.tensor_type.shape.dim)[1:]
    except Exception as error:  # anything may be in the file
        raise BadInput(f"{path} cannot be read as ONNX of one input ({format_error(error)})") from error
    if not shape or not all(shape):
        raise BadInput(f"{path} has an input of shape {shape}; wanted: a batch of images of a fixed size")
    if unknown := _operators_without_converter(proto):
        raise BadInput(f"{path} has the operator {unknown[0]}, which onnx2torch cannot convert; simplify the network")
    try:
        net = OnnxNet(onnx2torch.convert(proto), shape).eval().requires_grad_(False)
    except Exception as error:  # of onnx, onnx2torch and torch, half a dozen types
        raise BadInput(f"{path} cannot be converted to torch ({format_error(error)})") from error
    _compare(path, proto, given.name, net)
    return net, image_shape(shape)


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """The shape (C, H, W) in which attacks see inputs of a shape: as it is, or one or three squares."""
    sizes = tuple(size for size in shape if size > 1) if len(shape) != 3 else shape
    if len(sizes) == 3:
        return sizes[0], sizes[1], sizes[2]
    if len(sizes) == 2:
        return 1, sizes[0], sizes[1]
    pixels = int(np.prod(shape))
    for channels in (1, 3):
        side = isqrt(pixels // channels)
        if channels * side**2 == pixels:
            return channels, side, side
    return 1, 1, pixels


def _operators_without_converter(proto: object) -> list[str]:
    """Operators of a network that onnx2torch has no converter for, in their order."""
    from onnx2torch.node_converters import get_converter

    versions = {given.domain: given.version for given in proto.opset_import}  # type: ignore[attr-defined]
    missing = dict[str, None]()
    for node in proto.graph.node:  # type: ignore[attr-defined]
        try:
            get_converter(domain=node.domain, operation_type=node.op_type, version=versions[node.domain])
        except NotImplementedError:
            missing[printable(node.op_type, 50)] = None
    return list(missing)


def _compare(path: Path, proto: object, name: str, net: OnnxNet) -> None:
    """BadInput if the converted network has other logits than ONNX's reference evaluator, for one random image."""
    from onnx.reference import ReferenceEvaluator

    image = np.random.default_rng(0).random((1, *net.shape), np.float32)
    try:
        outputs: Any = ReferenceEvaluator(proto).run(None, {name: image})
        wanted = torch.as_tensor(outputs[0]).reshape(1, -1)
        with torch.no_grad():
            logits = net(torch.from_numpy(image))
    except Exception as error:
        raise BadInput(f"{path} cannot be computed ({format_error(error)})") from error
    if logits.shape != wanted.shape or (logits - wanted).abs().max() > TOLERANCE * wanted.abs().max().clamp_min(1):
        raise BadInput(f"{path} has other logits after the conversion to torch; it cannot be examined")
