"""What Python callers hand to an evaluation, checked before anything is computed."""

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.rng import preserve_random_state
from bench.data.arrays import check_labels
from bench.data.dataset import Images
from bench.data.loader import to_float
from bench.evaluation.outcome import model_logits

FIRST = 16  # images that a model is shown to see how many classes it has


def check_range(images: Images, start: int, n: int) -> None:
    """BadInput unless there are images from `start` up to the n-th."""
    if not 0 <= start < n <= len(images):
        raise BadInput(f"{n} test images asked for, {len(images)} are there")


def as_seen_by(model: nn.Module, x: Tensor) -> Tensor:
    """Images (B, C, H, W) as floating point in [0, 1]: float64 for a model of float64 weights, else float32.

    Those that are floating point already stay as they are for a model without weights.
    """
    x = to_float(x)
    types = {t.dtype for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()}
    if not types:
        return x
    return x.double() if types == {torch.float64} else x.float()


@torch.no_grad()
def first_logits(model: nn.Module, images: Images) -> Tensor:
    """Of the first few images, (B, K)."""
    return model_logits(model, as_seen_by(model, images.x[:FIRST]))


def check_classes(model: nn.Module, images: Images) -> None:
    """BadInput where a label is none of the classes that the model, in eval mode, has logits for."""
    with preserve_random_state():  # what a model draws here, it draws again
        classes = first_logits(model, images).shape[1]
    check_labels(images.y, classes, "the model")
