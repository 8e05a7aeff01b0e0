"""Scales a recipe to a data set's radius and applies the user's `--set recipe.*` settings."""

from collections.abc import Sequence

from bench.core.errors import BadInput
from bench.core.overrides import override, split_setting
from bench.core.threats.lengths import REFERENCE_EPS
from bench.data.dataset import Dataset
from bench.training.recipe import RECIPES, Recipe, scaled


def radius_factor(train_eps: float | None, data: Dataset) -> float:
    """The factor for radii of recipes: --train-eps, or the data set's default radius, over 8/255.

    BadInput if train_eps is not in (0, 1].
    """
    if train_eps is not None and not 0 < train_eps <= 1:
        raise BadInput(f"--train-eps {train_eps:g} is not a radius: above 0, at most 1")
    return (train_eps or data.threat.eps) / REFERENCE_EPS


def customise(name: str, settings: Sequence[str], factor: float) -> Recipe:
    """A registered recipe with its radii multiplied by `factor`, then with the user's `recipe.*` settings.

    BadInput if there is no such recipe or a setting does not fit it.
    """
    recipe = scaled(RECIPES[name], factor)
    for setting in settings:
        path, text = split_setting(setting)
        if path.startswith("recipe."):
            recipe = override(recipe, path.removeprefix("recipe."), text, f"{setting} for {name}")
    return recipe
