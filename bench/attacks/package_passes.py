"""APGD of the package pyautoattack without its passes on images that it has broken already.

The package's APGD takes all of its iterations with every image, although an image counts as broken as soon as one
iterate is misclassified. The iterates of one image do not depend on other images, and all random numbers are drawn
before the first iterate: leaving broken images out changes no decision.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

Result = tuple[Tensor, Tensor, Tensor, Tensor]  # of a run: largest loss at, still right, largest loss, adversarial


class AllBroken(Exception):
    """Every image of a run has a misclassified iterate."""


class BreakRecorder(nn.Module):
    """A model that, inside a run of APGD, computes no image again that it has misclassified.

    Of such an image it gives the logits of that moment, without a gradient. Outside a run it is the model.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.y: Tensor | None = None  # true classes of the images of the run, (B,)

    @contextmanager
    def recording(self, y: Tensor) -> Iterator[None]:
        """Inside the block, every call has an iterate of each of the same images, whose true classes are y (B,)."""
        self.y, self.broken = y, torch.zeros_like(y, dtype=torch.bool)
        self.logits: Tensor | None = None  # (B, K), the last that were computed of each image
        self.images: Tensor | None = None  # (B, C, H, W), of broken images the misclassified iterates
        try:
            yield
        finally:
            self.y = self.logits = self.images = None

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor
        if self.y is None:
            logits = self.model(x)
            return logits
        if self.images is None or self.logits is None:  # the first iterate
            logits = self.model(x)
            self.images, self.logits = x.detach().clone(), logits.detach().clone()
        else:
            standing = ~self.broken
            logits = self.logits.index_put((standing,), self.model(x[standing]))
            self.images[standing] = x.detach()[standing]
            self.logits = logits.detach().clone()
        self.broken = self.broken | (logits.detach().argmax(1) != self.y)
        if self.broken.all():
            raise AllBroken
        return logits


def stop_at_break(run: Callable[..., Result], model: BreakRecorder) -> Callable[..., Result]:
    """The run of an APGD of the package that attacks `model`, ending for each image at its first misclassified iterate.

    Args:
        run: `attack_single_run` of the package's APGD, of images (B, C, H, W) and their true classes (B,).
        model: the model that it attacks.
    """

    def run_until_broken(x: Tensor, y: Tensor, x_init: Tensor | None = None) -> Result:
        with model.recording(y):
            try:
                most, right, loss, adversarial = run(x, y, x_init)
            except AllBroken:
                most, right, loss, adversarial = x, torch.zeros_like(y, dtype=torch.bool), x.new_zeros(len(x)), x
            assert model.images is not None
            found = torch.where(model.broken.view(-1, 1, 1, 1), model.images, adversarial)
        return most, right, loss, found

    return run_until_broken
