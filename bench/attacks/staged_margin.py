"""StagedMargin: ascent on the margin, whose steps are spent on the images and classes where they may still help.

The stages, each on the images that are not broken yet: towards any wrong class, and towards each wrong class, from the
clean image; on from there towards the classes that came nearest; towards these from random starts; and a random search
of images at which the model has no gradient. The parts are known; their order and lengths are this project's.

Gowal et al., "An Alternative Surrogate Loss for PGD-based Adversarial Testing", arXiv:1910.09338: each class in turn.
Croce, Hein 2020, arXiv:2003.01690: Auto-PGD, from the clean image and on from the best iterate with shorter steps.
Tashiro, Song, Ermon, "Diversity can be Transferred: Output Diversification", NeurIPS 2020, arXiv:2003.06878: starts.
Gao et al., "Fast and Reliable Evaluation of Adversarial Robustness with Minimum-Margin Attack", ICML 2022,
arXiv:2206.07314: few classes, those with the smallest margins, are worth long searches.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from bench.attacks.searches.auto_pgd import ANY_CLASS, AscentResult, climb, leads
from bench.attacks.searches.gradients import gradient, warn_zero_gradients
from bench.attacks.searches.random_search import random_search
from bench.attacks.searches.search import batch_size_for, in_batches
from bench.attacks.settings import OMITTED_AT_DEFAULT
from bench.attacks.spec import ATTACKS, PASSES_OF_A_STEP
from bench.attacks.targeted import TARGET_CLASSES
from bench.core.rng import image_rows, uniform
from bench.core.threats.threat import Threat

START_LENGTH, GO_ON_LENGTH = 2.0, 0.5  # of the first step, in radii: of a search that begins, and of one that goes on
STEP = int(PASSES_OF_A_STEP)  # of an image, counted in whole passes
NO_LIMIT = 10**9  # passes, more than any image takes
DIVERSE_STEPS = 2  # of length eps, that a random start takes along its random direction of logits


def staged_margin(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    threat: Threat,
    *,
    steps: int = 20,
    steps_each: int = 15,
    steps_top: int = 50,
    top: int = 3,
    restarts: int = 8,
    steps_restart: int = 40,
    queries: int = 5000,
    passes: Annotated[int, OMITTED_AT_DEFAULT] = NO_LIMIT,
) -> Tensor:
    """StagedMargin: Auto-PGD on the margin, towards any wrong class, towards each, and longer towards the likeliest.

    What breaks most images for the fewest passes comes first, and with a limit on the passes the attack does what it
    does without one up to there: every image that it breaks within 100 passes, it breaks within 200.

    Sources: the first lines of `bench/attacks/staged_margin.py`.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        threat: the ball around each image, `Linf`, `L2` or `L1`.
        steps: towards any wrong class, from the clean image.
        steps_each: towards each wrong class, from the clean image.
        steps_top: on from there, towards each of the `top` classes with the largest margins.
        top: number of these classes.
        restarts: random starts towards each of these classes.
        steps_restart: of each restart.
        queries: forward passes of a random search, for images that had no gradient at some iterate.
        passes: forward passes after which it stops, for each image; a backward pass counts as two.

    Returns:
        Images (B, C, H, W) in the ball and in [0, 1]; where the attack has failed, the one with the largest margin.

    Raises:
        BadInput: the model gives its images no gradient.
    """
    with torch.no_grad():
        logits = in_batches(model, x)
    search = _Search(model, x, y, threat, logits.shape[1], x.clone(), logits.argmax(1) != y, torch.zeros_like(y) > 0)
    search.left = passes - 1  # the first one was that of the clean image
    margins = search.climb(x, torch.full_like(y, ANY_CLASS), steps, START_LENGTH).logits
    nearest = leads(margins, y).argsort(1, descending=True)[:, : min(TARGET_CLASSES, logits.shape[1] - 1)]
    best = _Best(x, min(top, nearest.shape[1]))
    for aims in nearest.T:
        best.keep(aims, search.climb(x, aims, steps_each, START_LENGTH))
    for place in range(best.aims.shape[1]):
        search.climb(best.images[:, place], best.aims[:, place], steps_top, GO_ON_LENGTH)
    for restart in range(restarts):
        for place in range(best.aims.shape[1]):
            draw = 1 + restart * best.aims.shape[1] + place
            search.climb(search.diverse_starts(draw), best.aims[:, place], steps_restart, START_LENGTH)
    search.try_squares(1 + restarts * best.aims.shape[1], queries)
    warn_zero_gradients(int((~search.broken & search.flat).sum()))
    return search.found


class _Best:
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
class _Search:
    """What all stages share."""

    model: nn.Module
    x: Tensor  # (B, C, H, W) clean
    y: Tensor  # (B,)
    threat: Threat
    classes: int
    found: Tensor  # (B, C, H, W) broken, or with the largest margin of the last stage
    broken: Tensor  # (B,) bool
    flat: Tensor  # (B,) bool, whether the margin had no gradient at some iterate
    left: int = NO_LIMIT  # passes of each image that is not broken, before the attack stops

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
            images, places = (self.x[rows], self.y[rows]), rows.tolist()
            found = random_search(
                self.model, *images, self.threat, rows=places, draw=draw, queries=queries, until=self.left
            )
            self.found[rows], self.broken[rows] = found

    def _parts(self, chosen: Tensor) -> tuple[Tensor, ...]:
        """The places of the images where chosen (B,) is true, in batches of at most the limit."""
        places = chosen.nonzero()[:, 0]
        return torch.split(places, batch_size_for(len(places))) if len(places) else ()


def _passes(settings: Mapping[str, Any]) -> float:
    """Forward passes of an image with gradients that is never broken, of ten classes; a backward counts as two."""
    if "passes" in settings:
        return float(settings["passes"])
    each, top = TARGET_CLASSES * settings["steps_each"], settings["top"] * settings["steps_top"]
    again = settings["restarts"] * settings["top"] * (settings["steps_restart"] + DIVERSE_STEPS)
    return PASSES_OF_A_STEP * float(settings["steps"] + each + top + again)


staged_margin.passes = _passes  # type: ignore[attr-defined]
ATTACKS.add("StagedMargin", staged_margin, "Auto-PGD on the margin: any wrong class, each, and long on the likeliest")
