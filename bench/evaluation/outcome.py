"""Outcomes: which images a model classifies correctly, and the cost of measuring that."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.files import Bits
from bench.core.parsing import format_count
from bench.core.stats import binomial_exceeds

# A doubt counts if it concerns significantly more than this share of images (AutoAttack's threshold for Square).
MAX_DOUBTFUL_SHARE = 0.002


@dataclass
class Outcome:
    """Which of n test images a model classifies correctly under a condition, and the cost of measuring that."""

    right: Bits  # (n,) bool
    done: int = 0  # images evaluated so far
    seen: int = 0  # images in the blocks so far; more than `done` if the last block reaches beyond n
    forwards: int = 0  # passes, summed over the images
    backwards: int = 0
    seconds: float = 0.0  # in attacks
    doubts: dict[str, int] = field(default_factory=dict)  # reason -> images concerned
    values: list[float] = field(default_factory=list)  # one an image: of a diagnostic, or the distance that broke it

    @property
    def verdict(self) -> str:
        """`ok`, or `suspect:` and what the attack warned of on more images than chance explains."""
        reasons = [
            f"{reason} ({min(images, self.seen)} of {format_count(self.seen, 'image')})"
            for reason, images in self.doubts.items()
            if binomial_exceeds(min(images, self.seen), self.seen, MAX_DOUBTFUL_SHARE) < 0.05
        ]
        return f"suspect: {'; '.join(reasons)}" if reasons else "ok"


@torch.no_grad()
def is_correct(model: nn.Module, x: Tensor, y: Tensor, batch_size: int) -> Tensor:
    """Which images the model classifies correctly, (B,) bool. Every accuracy of `results.csv` is decided here.

    Computed in the precision of x. The model is not called on an empty batch, as many models cannot compute one.

    Args:
        model: from images (B, C, H, W) to logits (B, K).
        x: images (B, C, H, W) in [0, 1].
        y: classes (B,).
        batch_size: images in a forward pass.

    Raises:
        BadInput: the output is not (B, K) with K >= 2, or not finite.

    Example:
        >>> import torch
        >>> from bench import is_correct
        >>> is_correct(torch.nn.Flatten(), torch.tensor([[[[0.9, 0.1]]]]), torch.tensor([1]), 128)
        tensor([False])
    """
    return predict_classes(model, x, batch_size) == y


@torch.no_grad()
def predict_classes(model: nn.Module, x: Tensor, batch_size: int) -> Tensor:
    """The classes (B,) that the model predicts. Arguments and exceptions as for `is_correct`."""
    if not len(x):
        return torch.zeros(0, dtype=torch.int64, device=x.device)
    return torch.cat([model_logits(model, part).argmax(1) for part in torch.split(x, batch_size)])


def model_logits(model: nn.Module, x: Tensor) -> Tensor:
    """The model's logits (B, K). BadInput unless they are such a tensor of finite numbers with K >= 2."""
    logits = model(x)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(x) or logits.shape[1] < 2:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise BadInput(
            f"the model returned {got} for {format_count(len(x), 'image')}; logits "
            f"of shape ({len(x)}, classes) belong there"
        )
    if not logits.isfinite().all():
        bad = int((~logits.isfinite()).any(1).sum())
        raise BadInput(
            f"the model returned NaN or infinite logits for {bad} of "
            f"{format_count(len(x), 'image')}; are its weights finite?"
        )
    return logits
