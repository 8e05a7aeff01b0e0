"""Which images a model gets right, and what finding out has cost."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from bench.core.errors import BadInput
from bench.core.files import Bits
from bench.core.stats import binomial_exceeds

DOUBTFUL = 0.002  # share of images that a doubt must exceed, by more than chance (AutoAttack's threshold for Square)


@dataclass
class Outcome:
    """Which of the first n test images the model gets right under a condition, and what finding out has cost."""

    right: Bits
    done: int = 0  # images judged so far
    seen: int = 0  # images attacked or at least looked at: more than done where the last block is cut off
    forwards: int = 0
    backwards: int = 0
    seconds: float = 0.0
    doubts: dict[str, int] = field(default_factory=dict)  # reason -> images concerned
    values: list[float] = field(default_factory=list)  # of a diagnostic, or the radius of an attack; one an image

    @property
    def verdict(self) -> str:
        """`ok`, or what the attack itself found suspicious."""
        reasons = [
            f"{reason} ({min(images, self.seen)} of {self.seen} images)"
            for reason, images in self.doubts.items()
            if binomial_exceeds(min(images, self.seen), self.seen, DOUBTFUL) < 0.05
        ]
        return f"suspect: {'; '.join(reasons)}" if reasons else "ok"


@torch.no_grad()
def is_correct(model: nn.Module, x: Tensor, y: Tensor, batch_size: int) -> Tensor:
    """Which images the model gets right, (B,) bool. In the precision of x; the only place that decides it.

    Without images the model is not called: many cannot compute an empty batch.

    Args:
        model: from images to logits (B, K).
        x: images (B, C, H, W) in [0, 1].
        y: classes (B,).
        batch_size: images that the model is given at a time.

    Example:
        >>> import torch
        >>> from bench import is_correct
        >>> is_correct(torch.nn.Flatten(), torch.tensor([[[[0.9, 0.1]]]]), torch.tensor([1]), 128)
        tensor([False])
    """
    if not len(x):
        return torch.zeros(0, dtype=torch.bool, device=x.device)
    parts = zip(torch.split(x, batch_size), torch.split(y, batch_size), strict=True)
    return torch.cat([model_logits(model, a).argmax(1) == b for a, b in parts])


def model_logits(model: nn.Module, x: Tensor) -> Tensor:
    """The model's logits (B, K), after a look at whether they are logits at all."""
    logits = model(x)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(x) or logits.shape[1] < 2:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise BadInput(
            f"the model returned {got} for {len(x)} images; logits of shape ({len(x)}, classes) belong there"
        )
    if not logits.isfinite().all():
        bad = int((~logits.isfinite()).any(1).sum())
        raise BadInput(
            f"the model returned NaN or infinite logits for {bad} of {len(x)} images; are its weights finite?"
        )
    return logits
