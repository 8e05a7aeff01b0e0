"""The stages that StagedMargin is made of, each a search of the images that are not broken yet."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from bench.attacks.searches.auto_pgd import AscentResult, climb
from bench.attacks.searches.gradients import gradient
from bench.attacks.searches.random_search import random_search
from bench.attacks.searches.search import batch_size_for, in_batches
from bench.attacks.spec import PASSES_OF_A_STEP
from bench.core.rng import image_rows, uniform
from bench.core.threats.threat import Threat

STEP = int(PASSES_OF_A_STEP)  # of an image, counted in whole passes
DIVERSE_STEPS = 2  # of length eps, that a random start takes along its random direction of logits


class NearestClasses:
    """The classes that an image was brought nearest to, with the images there."""

    def __init__(self, x: Tensor, count: int) -> None:
        self.margins = x.new_full((len(x), count), -torch.inf)
        self.aims = torch.zeros_like(self.margins, dtype=torch.long)  # (B, count)
        self.images = x[:, None].repeat(1, count, 1, 1, 1)  # (B, count, C, H, W)

    def keep(self, aims: Tensor, result: AscentResult) -> None:
        """Compare with another class of each image, and keep the best, in the order of their margins."""
        margins = torch.cat([self.margins, result.margins[:, None]], 1)
        order = margins.argsort(1, descending=True)[:, :-1]
        self.margins = margins.gather(1, order)
        self.aims = torch.cat([self.aims, aims[:, None]], 1).gather(1, order)
        both = torch.cat([self.images, result.images[:, None]], 1)
        self.images = both[torch.arange(len(both), device=both.device)[:, None], order]


@dataclass
class StagedSearch:
    """What all stages of StagedMargin share: the images, what was found of each, and the passes that are left."""

    model: nn.Module
    x: Tensor  # (B, C, H, W) clean
    y: Tensor  # (B,)
    threat: Threat
    classes: int
    found: Tensor  # (B, C, H, W) broken, or with the largest margin of the last stage
    broken: Tensor  # (B,) bool
    flat: Tensor  # (B,) bool, whether the margin had no gradient at some iterate
    left: int  # passes of each image that is not broken, before the attack stops

    @classmethod
    def start(cls, model: nn.Module, x: Tensor, y: Tensor, threat: Threat, passes: int) -> "StagedSearch":
        """Before the first stage. passes: of each image, of which the clean image takes the first."""
        with torch.no_grad():
            logits = in_batches(model, x)
        broken, flat = logits.argmax(1) != y, torch.zeros_like(y) > 0
        return cls(model, x, y, threat, logits.shape[1], x.clone(), broken, flat, passes - 1)

    def climb(self, start: Tensor, aims: Tensor, steps: int, length: float) -> AscentResult:
        """A stage of all images that are not broken yet, from start (B, C, H, W) towards aims (B,).

        Of broken images, and where no pass is left, it returns zeros, and margins of -inf.
        """
        until = max(0, min(steps, (self.left - 1) // STEP))
        n, low = len(self.x), torch.full_like(self.x[:, 0, 0, 0], -torch.inf)
        whole = AscentResult(
            torch.zeros_like(self.x), self.broken.clone(), low, low.new_zeros(n, self.classes), low > 0
        )
        for rows in self._parts(~self.broken) if until else ():
            part = climb(
                self.model, self.x[rows], self.y[rows], self.threat, start=start[rows], aims=aims[rows],
                classes=self.classes, steps=steps, length=length, until=until,
            )  # fmt: skip
            for field in fields(AscentResult):
                getattr(whole, field.name)[rows] = getattr(part, field.name)
            self.found[rows] = part.images
        self.broken, self.flat = whole.broken, self.flat | whole.flat
        self.left = self.left - STEP * until - 1 if until else 0
        return whole

    def diverse_starts(self, draw: int) -> Tensor:
        """Random images of the balls (B, C, H, W), moved along a random direction of the logits of each.

        draw: number of the draw, as each is another one.
        """
        starts = self.x.clone()
        self.left -= STEP * DIVERSE_STEPS
        for rows in self._parts(~self.broken) if self.left > 0 else ():
            clean = self.x[rows]
            with image_rows(rows.tolist(), [draw] * len(rows)):
                at = self.threat.project(clean + self.threat.noise(clean), clean)
                direction = 2 * uniform(clean.new_zeros(len(rows), self.classes)) - 1
            for _ in range(DIVERSE_STEPS):
                with torch.enable_grad():
                    at.requires_grad_()
                    slope = gradient((direction * self.model(at)).sum(1), at)
                at = self.threat.project(self.threat.move(at.detach(), slope, self.threat.eps), clean)
            starts[rows] = at
        return starts

    def try_squares(self, draw: int, queries: int) -> None:
        """A random search of the images that had no gradient at some iterate. draw: as of `diverse_starts`."""
        for rows in self._parts(~self.broken & self.flat) if self.left > 0 else ():
            with image_rows(rows.tolist(), [draw] * len(rows)):
                self.found[rows], self.broken[rows] = random_search(
                    self.model, self.x[rows], self.y[rows], self.threat, queries=queries, until=self.left
                )

    def _parts(self, chosen: Tensor) -> tuple[Tensor, ...]:
        """The places of the images where chosen (B,) is true, in batches of at most the limit."""
        places = chosen.nonzero()[:, 0]
        return torch.split(places, batch_size_for(len(places))) if len(places) else ()
