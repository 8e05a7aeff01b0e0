"""Checks of the arguments of an evaluation, before anything is computed."""

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.rng import preserve_random_state
from bench.data.arrays import check_labels
from bench.data.images import Images
from bench.data.loader import to_float
from bench.evaluation.outcome import model_logits

SAMPLE_SIZE = 16  # images that are classified to see how many classes a model has


def check_range(images: Images, start: int, n: int) -> None:
    """BadInput unless there are images from `start` up to the n-th."""
    if not 0 <= start < n <= len(images):
        raise BadInput(f"{n} test images asked for, {len(images)} are there")


def cast_for_model(model: nn.Module, x: Tensor) -> Tensor:
    """Convert images (B, C, H, W) to floating point in [0, 1]: float64 for a model of float64 weights, else float32.

    For a model without weights, images that are floating point already keep their type.
    """
    x = to_float(x)
    types = {t.dtype for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()}
    if not types:
        return x
    return x.double() if types == {torch.float64} else x.float()


@torch.no_grad()
def first_logits(model: nn.Module, images: Images) -> Tensor:
    """Logits (B, K) of the first B <= SAMPLE_SIZE images."""
    return model_logits(model, cast_for_model(model, images.x[:SAMPLE_SIZE]))


def check_classes(model: nn.Module, images: Images) -> None:
    """BadInput where a label is not below the number of logits of the model, which is in eval mode."""
    with preserve_random_state():  # a stochastic model draws here; the caller's random state is put back
        classes = first_logits(model, images).shape[1]
    check_labels(images.y, classes, "the model")
