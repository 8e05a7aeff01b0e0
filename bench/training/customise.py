"""Recipes at a data set's radii, with the user's settings."""

from collections.abc import Sequence

from bench.core.errors import BadInput
from bench.core.overrides import override, split_setting
from bench.core.threat import REFERENCE_EPS
from bench.data.dataset import Dataset
from bench.training.recipe import RECIPES, Recipe, scaled


def radius_factor(train_eps: float | None, data: Dataset) -> float:
    """What the registered recipes' radii are multiplied by."""
    if train_eps is not None and not 0 < train_eps <= 1:
        raise BadInput(f"--train-eps {train_eps:g} is not a radius: above 0, at most 1")
    return (train_eps or data.threat.eps) / REFERENCE_EPS


def customise(name: str, settings: Sequence[str], factor: float) -> Recipe:
    """A registered recipe at this data set's radii, with the user's `recipe.*` settings on top."""
    recipe = scaled(RECIPES[name], factor)
    for setting in settings:
        path, text = split_setting(setting)
        if path.startswith("recipe."):
            recipe = override(recipe, path.removeprefix("recipe."), text, f"{setting} for {name}")
    return recipe
