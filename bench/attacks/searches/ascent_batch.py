"""The images of an ascent by Auto-PGD on their way: iterates, step lengths, and the best that each has come to."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from bench.attacks.searches.gradients import gradient
from bench.core.threats.threat import Threat

ANY_CLASS = -1  # as an aim: the wrong class with the largest logit, whichever it is at an iterate
MOMENTUM = 0.25  # share of the last move in the next one
RISES = 0.75  # share of the steps between two checkpoints that have to raise the margin


def leads(logits: Tensor, y: Tensor) -> Tensor:
    """Each class's logit minus that of the true class y (B,), as (B, K); -inf for the true class itself."""
    return (logits - logits.gather(1, y[:, None])).scatter(1, y[:, None], -torch.inf)


@dataclass
class AscentBatch:
    """The images of an ascent that are not broken yet; the first entry of every field is that of its first image."""

    rows: Tensor  # (B,) their places in the ascent
    clean: Tensor  # (B, C, H, W)
    y: Tensor  # (B,)
    aims: Tensor  # (B,) classes, or ANY_CLASS
    now: Tensor  # (B, C, H, W) iterates
    before: Tensor  # (B, C, H, W) the iterates before them
    length: Tensor  # (B,) of a step
    best: Tensor  # (B, C, H, W) the iterates with the largest margins
    best_slope: Tensor  # (B, C, H, W) gradients there
    best_logits: Tensor  # (B, K)
    margin: Tensor  # (B,) the largest ones
    last: Tensor  # (B,) margins of the iterates before
    rises: Tensor  # (B,) steps since the checkpoint that raised the margin
    marked_length: Tensor  # (B,) at the checkpoint
    marked_margin: Tensor  # (B,) at the checkpoint
    flat: Tensor  # (B,) bool, whether there was no gradient at some iterate

    @classmethod
    def at(cls, start: Tensor, x: Tensor, y: Tensor, aims: Tensor, classes: int, length: float) -> "AscentBatch":
        """All images at their first iterates, with first steps of this length in pixel units."""
        low, lengths = x.new_full((len(x),), -torch.inf), x.new_full((len(x),), length)
        return cls(
            rows=torch.arange(len(x), device=x.device),
            clean=x,
            y=y,
            aims=aims,
            now=start,
            before=start,
            length=lengths,
            best=start,
            best_slope=torch.zeros_like(x),
            best_logits=x.new_zeros(len(x), classes),
            margin=low,
            last=-low,
            rises=torch.zeros_like(low),
            marked_length=lengths,
            marked_margin=low,
            flat=low > 0,
        )

    def look(self, model: nn.Module, is_last: bool) -> tuple[Tensor, Tensor]:
        """Compare the iterates with the best ones so far.

        Returns the gradients of their margins, (B, C, H, W), which are zeros at the last ones, and which of them are
        misclassified, (B,) bool.
        """
        with torch.enable_grad():
            iterate = self.now.detach().requires_grad_(not is_last)
            logits = model(iterate)
            lead = leads(logits, self.y)
            aimed = lead.gather(1, self.aims.clamp_min(0)[:, None])[:, 0]
            margin = torch.where(self.aims == ANY_CLASS, lead.amax(1), aimed)
            slope = torch.zeros_like(iterate) if is_last else gradient(margin, iterate)
        self._compare(logits.detach(), margin.detach(), slope)
        return slope, logits.argmax(1) != self.y

    def select(self, stay: Tensor) -> None:
        """Keep the images where `stay` (B,) is true."""
        if not stay.all():
            for field in fields(self):
                setattr(self, field.name, getattr(self, field.name)[stay])

    def _compare(self, logits: Tensor, margin: Tensor, slope: Tensor) -> None:
        self.rises, self.last = self.rises + (margin > self.last), margin
        is_better = margin > self.margin
        wide = is_better.view(-1, 1, 1, 1)
        self.best, self.best_slope = torch.where(wide, self.now, self.best), torch.where(wide, slope, self.best_slope)
        self.best_logits = torch.where(is_better[:, None], logits, self.best_logits)
        self.margin = torch.where(is_better, margin, self.margin)

    def shorten(self, slope: Tensor, steps: int) -> Tensor:
        """At a checkpoint, halve the steps that did not help, and go back to the best iterates; returns gradients.

        steps: since the last checkpoint.
        """
        is_stuck = (self.length == self.marked_length) & (self.margin == self.marked_margin)
        halved = (self.rises < RISES * steps) | is_stuck
        self.marked_length, self.marked_margin = self.length, self.margin
        self.length, self.rises = torch.where(halved, self.length / 2, self.length), torch.zeros_like(self.rises)
        wide = halved.view(-1, 1, 1, 1)
        self.now = torch.where(wide, self.best, self.now)
        return torch.where(wide, self.best_slope, slope)

    def move(self, slope: Tensor, threat: Threat, is_first: bool) -> None:
        """The next iterates."""
        share = 0.0 if is_first else MOMENTUM
        ahead = threat.project(threat.move(self.now, slope, self.length), self.clean)
        ahead = self.now + (1 - share) * (ahead - self.now) + share * (self.now - self.before)
        self.before, self.now = self.now, threat.project(ahead, self.clean)
