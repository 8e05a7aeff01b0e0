"""Images that a small change breaks, with the change, for people to look at. No number comes from them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.attacks.parse import parse_attack
from bench.attacks.searches.search import batch_limit
from bench.core.threats.threat import Threat
from bench.data.images import Images
from bench.evaluation.arguments import cast_for_model
from bench.evaluation.conditions.attack import Attacked
from bench.evaluation.outcome import Outcome, model_logits
from bench.evaluation.sample import Sample
from bench.evaluation.snapshot import restore_weights
from bench.evaluation.sweep_search import smallest_radii
from bench.evaluation.target import Target
from bench.models.freeze import frozen

SEARCH_ATTACK = "PGD-20"  # draws by image, so that a few of them are attacked as all would be
RADIUS_STEPS = 8  # of the radius: how finely the smallest one that breaks an image is found


@dataclass(frozen=True, eq=False)
class WorstImages:
    """M images, the most fragile first."""

    ids: list[int]  # in the test set
    clean: NDArray[np.float32]  # (M, C, H, W) in [0, 1]
    changed: NDArray[np.float32]  # (M, C, H, W)
    before: list[int]  # the class that the model gives to each
    after: list[int]
    radii: list[float]  # the smallest that broke each, of RADIUS_STEPS


def worst_images(
    model: nn.Module, images: Images, candidates: Sequence[int], threat: Threat, most: int, batch_size: int = 128
) -> WorstImages:
    """Of some test images those that SEARCH_ATTACK breaks within the smallest radius, attacked at that radius.

    candidates: ids of images that the model gets right. threat: the largest ball. Failed where the attack fails.
    """
    balls = [replace(threat, eps=threat.eps * part / RADIUS_STEPS) for part in range(1, RADIUS_STEPS + 1)]
    attack, ids = parse_attack(SEARCH_ATTACK), list(candidates)
    with frozen(model), restore_weights(model), batch_limit(batch_size):
        x, y = cast_for_model(model, images.x[ids]), images.y[ids]
        target = Target.of(model, x[:16], "fp32", batch_size, 0)
        sample = Sample(ids, x, y)
        radii = smallest_radii(target, attack, balls, sample, Outcome(np.zeros(len(ids), bool)))
        order = [row for row in torch.argsort(radii, stable=True).tolist() if 0 < radii[row] < np.inf]
        changed, fooled = x.clone(), torch.zeros(len(x), dtype=torch.bool, device=x.device)
        for ball in balls:
            if rows := [row for row in order if float(radii[row]) == ball.eps]:
                attacked = torch.ones(len(rows), dtype=torch.bool, device=x.device)
                condition, spent = Attacked(attack, ball), Outcome(np.zeros(len(rows), bool))
                some = sample.select(torch.tensor(rows, device=x.device))
                changed[rows], fooled[rows] = target.craft(condition, some, attacked, spent)
        order = [row for row in order if fooled[row]][:most]
        with torch.no_grad():
            before, after = (
                model_logits(model, seen[order]).argmax(1).tolist() if order else [] for seen in (x, changed)
            )
    clean, broken = (seen[order].float().cpu().numpy() for seen in (x, changed))
    return WorstImages([ids[row] for row in order], clean, broken, before, after, radii[order].tolist())
