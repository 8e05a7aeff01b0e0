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
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from bench.attacks.searches.ascent_batch import ANY_CLASS, leads
from bench.attacks.searches.gradients import warn_zero_gradients
from bench.attacks.searches.staged_search import DIVERSE_STEPS, NearestClasses, StagedSearch
from bench.attacks.settings import OMITTED_AT_DEFAULT
from bench.attacks.spec import ATTACKS, PASSES_OF_A_STEP
from bench.attacks.targeted import TARGET_CLASSES
from bench.core.threats.threat import Threat

START_LENGTH, GO_ON_LENGTH = 2.0, 0.5  # of the first step, in radii: of a search that begins, and of one that goes on
NO_LIMIT = 10**9  # passes, more than any image takes


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
    search = StagedSearch.start(model, x, y, threat, passes)
    margins = search.climb(x, torch.full_like(y, ANY_CLASS), steps, START_LENGTH).logits
    nearest = leads(margins, y).argsort(1, descending=True)[:, : min(TARGET_CLASSES, search.classes - 1)]
    best = NearestClasses(x, min(top, nearest.shape[1]))
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


def _passes(settings: Mapping[str, Any]) -> float:
    """Forward passes of an image with gradients that is never broken, of ten classes; a backward counts as two."""
    if "passes" in settings:
        return float(settings["passes"])
    each, top = TARGET_CLASSES * settings["steps_each"], settings["top"] * settings["steps_top"]
    again = settings["restarts"] * settings["top"] * (settings["steps_restart"] + DIVERSE_STEPS)
    return PASSES_OF_A_STEP * float(settings["steps"] + each + top + again)


staged_margin.passes = _passes  # type: ignore[attr-defined]
ATTACKS.add("StagedMargin", staged_margin, "Auto-PGD on the margin: any wrong class, each, and long on the likeliest")
