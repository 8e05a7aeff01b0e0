"""The cost of a recipe, counted on a small batch."""

from functools import cache

import torch

from bench.core.rng import fixed_seed
from bench.data.dataset import DATASETS
from bench.data.images import Images
from bench.runner.prices.cost import step_passes
from bench.training.recipe import RECIPES, Recipe


def describe_cost(recipe: Recipe) -> str:
    """A sentence on the counted cost, compared with that of standard training."""
    (forwards, backwards), usual = count_passes(recipe), count_passes(RECIPES["Standard"])
    return (
        f"{forwards:g} forward and {backwards:g} backward passes per image of a training step, counted; "
        f"{(forwards + backwards) / sum(usual):.3g} times Standard's {usual[0]:g} and {usual[1]:g}."
    )


@cache  # as a page of a recipe counts Standard too, and a list is made more than once
def count_passes(recipe: Recipe) -> tuple[float, float]:
    """Count forward and backward passes per image of a training step, on random images."""
    digits = DATASETS["digits"]
    with fixed_seed("show"):
        x = torch.randint(256, (4, *digits.shape), dtype=torch.uint8)
    return step_passes(recipe, digits, Images(x, torch.arange(4)))
