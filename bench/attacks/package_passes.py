"""APGD of the package pyautoattack without most of its passes on images that it has broken already.

The package's APGD takes all of its iterations with every image, although an image counts as broken once an iterate is
misclassified. Of a model whose logits are the same in every call, the iterates of one image do not depend on other
images, and all random numbers are drawn before the first iterate: leaving broken images out changes no decision, but
for rounding that depends on the size of a batch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

ENOUGH = 3  # misclassified iterates of an image; the first may be within rounding of the border between two classes
# What a run returns of each image: its iterate of largest loss, whether no iterate is misclassified, the largest loss,
# and its last misclassified iterate.
Result = tuple[Tensor, Tensor, Tensor, Tensor]


class AllBroken(Exception):
    """Every image of a run has enough misclassified iterates."""


class BreakRecorder(nn.Module):
    """A model that, inside a run of APGD, computes no image again of which ENOUGH iterates were misclassified.

    Of such an image it gives the last logits that it has computed, without a gradient. Outside a run it is the model.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.y: Tensor | None = None  # true classes of the images of the run, (B,)

    @contextmanager
    def recording(self, y: Tensor) -> Iterator[None]:
        """Inside the block, every call has an iterate of each of the same images, whose true classes are y (B,)."""
        self.y, self.misclassified = y, torch.zeros_like(y)  # counts of iterates
        self.logits: Tensor | None = None  # (B, K), the last that were computed of each image
        self.images: Tensor | None = None  # (B, C, H, W), the last misclassified iterate of each image that has one
        try:
            yield
        finally:
            self.y = self.logits = self.images = None

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor
        if self.y is None:
            logits = self.model(x)
            return logits
        standing = self.misclassified < ENOUGH
        if not standing.any():
            raise AllBroken
        if self.images is None or self.logits is None:  # the first iterate
            logits, self.images = self.model(x), x.detach().clone()
        else:
            logits = self.logits.index_put((standing,), self.model(x[standing]))
        self.logits = logits.detach().clone()
        wrong = standing & (self.logits.argmax(1) != self.y)
        self.images[wrong] = x.detach()[wrong]
        self.misclassified += wrong
        return logits


def stop_when_broken(run: Callable[..., Result], model: BreakRecorder) -> Callable[..., Result]:
    """The run of an APGD of the package that attacks `model`, ending for an image after ENOUGH misclassified iterates.

    Args:
        run: `attack_single_run` of the package's APGD, of images (B, C, H, W) and their true classes (B,).
        model: the model that it attacks. Its logits of an image are the same in every call.
    """

    def run_until_broken(x: Tensor, y: Tensor, x_init: Tensor | None = None) -> Result:
        with model.recording(y):
            try:
                most, right, loss, adversarial = run(x, y, x_init)
            except AllBroken:
                most, right, loss, adversarial = x, torch.zeros_like(y, dtype=torch.bool), x.new_zeros(len(x)), x
            assert model.images is not None
            broken = (model.misclassified > 0).view(-1, 1, 1, 1)
            found = torch.where(broken, model.images, adversarial)
        return most, right, loss, found

    return run_until_broken


@torch.no_grad()
def repeats_logits(model: nn.Module, x: Tensor) -> bool:
    """Whether two calls of the model give equal logits for the images x (B, C, H, W): it draws no random numbers."""
    return torch.equal(model(x), model(x))
