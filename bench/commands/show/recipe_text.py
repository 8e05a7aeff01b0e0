"""Docstrings, settings and code of a recipe, for `bench show` and the site."""

import inspect
import re
import sys

from bench.commands.show.settings import describe_class, location, own_classes, settings
from bench.core.errors import UnknownName
from bench.report.site.sources import Passage, RecipeText
from bench.training.recipe import RECIPES, Recipe


def describe_recipe(name: str) -> RecipeText | None:
    """As `recipe_text`, by name; None if no recipe has this name, such as for external models."""
    try:
        recipe = RECIPES[name]
    except UnknownName:
        return None
    return recipe_text(name, recipe)


def recipe_text(name: str, recipe: Recipe) -> RecipeText:
    """Collect the docstrings of the files and classes of a recipe, its settings, and its code."""
    classes = own_classes(recipe)
    homes = dict.fromkeys([*RECIPES.homes(name), *(cls.__module__ for cls in classes)])
    modules = [sys.modules[home] for home in homes]
    code = [(cls, *inspect.getsourcelines(cls)) for cls in classes]
    return RecipeText(
        tuple(Passage(location(module), reflow(inspect.getdoc(module) or "No citation.")) for module in modules),
        tuple(Passage(cls.__name__, reflow(describe_class(cls))) for cls in classes),
        tuple(settings(recipe)),
        tuple(
            Passage(f"{location(sys.modules[cls.__module__])}:{first}", "".join(lines)) for cls, lines, first in code
        ),
        RECIPES.meaning(name),
    )


def reflow(text: str) -> str:
    """Join the lines of each paragraph; lists and indented lines are kept."""
    return re.sub(r"(?<!\n)\n(?![\s*-])", " ", text)
