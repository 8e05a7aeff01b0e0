"""Converts images and labels from NumPy arrays or tensors of several number types, and checks their ranges."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.core.errors import BadInput

MAX_LABELS_SHOWN = 3  # most labels that a message names


def pixel_tensor(x: Any) -> Tensor:
    """Images (N, C, H, W) as a uint8, float32 or float64 tensor; half precision becomes float32.

    BadInput if they are of another number type, not finite or not in [0, 1].
    """
    pixels = _tensor(x, "images")
    if not pixels.is_floating_point():
        if pixels.dtype != torch.uint8:
            raise BadInput(f"images are {_type(pixels)}; uint8 in 0..255 or floating point in [0, 1] belong there")
        return pixels
    pixels = pixels if pixels.dtype in (torch.float32, torch.float64) else pixels.float()
    low, high = (float(pixels.min()), float(pixels.max())) if pixels.numel() else (0.0, 0.0)
    if not (low >= 0 and high <= 1):  # so that NaN is refused too
        raise BadInput(f"images span [{low:.3f}, {high:.3f}]; pixels must lie in [0, 1], normalised by the model")
    return pixels


def label_tensor(y: Any) -> Tensor:
    """Labels (N,) as an int64 tensor; BadInput if they are not integers from 0."""
    labels = _tensor(y, "labels")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise BadInput(f"labels are {_type(labels)}; give the numbers of the classes as integers, counted from 0")
    labels = labels.long()
    if (odd := labels < 0).any():
        raise BadInput(f"{_labels(labels, odd)} no class; classes count from 0")
    return labels


def check_labels(y: Tensor, classes: int, whose: str) -> None:
    """BadInput if a label of y (N,) is not below the number of classes. whose: owner of the classes, for messages."""
    if (odd := y >= classes).any():
        raise BadInput(
            f"{_labels(y, odd)} no class of {whose}, which has {classes}; classes count from 0 to {classes - 1}"
        )


def _tensor(values: Any, what: str) -> Tensor:
    if isinstance(values, Tensor):
        return values
    if isinstance(values, np.ndarray | Sequence):
        try:
            array = np.asarray(values)
            array = array.astype(array.dtype.newbyteorder("="), copy=False)  # torch has no foreign byte orders
            return torch.from_numpy(np.require(array, requirements=["C", "W"]))  # nor memory that is read-only
        except (TypeError, ValueError) as error:  # text, objects, rows of different lengths
            raise BadInput(f"{what} are no numbers that torch knows ({error})") from error
    raise BadInput(f"{what} are a {type(values).__name__}; a tensor or a NumPy array belongs there")


def _type(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")


def _labels(y: Tensor, odd: Tensor) -> str:
    """Beginning of a message up to its verb: the wrong labels, and how many images have them."""
    named = sorted(set(y[odd].tolist()))
    listed = ", ".join(map(str, named[:MAX_LABELS_SHOWN])) + (", ..." if len(named) > MAX_LABELS_SHOWN else "")
    word = "label {} of {} of {} images is" if len(named) == 1 else "labels {} of {} of {} images are"
    return word.format(listed, int(odd.sum()), len(y))
