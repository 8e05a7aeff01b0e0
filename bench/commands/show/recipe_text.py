"""What a recipe's files say of it, as `bench show` and the site show it."""

import inspect
import re
import sys

from bench.commands.show.settings import describe_class, location, own_classes, settings
from bench.core.errors import UnknownName
from bench.core.foreign.plugins import load_plugins
from bench.report.cards.citations import Citation, find_citations
from bench.report.site.sources import Passage, RecipeText
from bench.training.recipe import RECIPES, Recipe


def describe_recipe(name: str) -> RecipeText | None:
    """Of a registered recipe; None where none is called so, as are models from outside."""
    try:
        recipe = RECIPES[name]
    except UnknownName:
        return None
    return recipe_text(name, recipe)


def cited_papers(name: str) -> list[Citation]:
    """The papers that the files of a recipe cite; none where no recipe is called so."""
    load_plugins()
    text = describe_recipe(name)
    return find_citations(passage.text for passage in text.paper) if text else []


def recipe_text(name: str, recipe: Recipe) -> RecipeText:
    """What the files say that register the name and define its classes, what the classes say, and their code."""
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
    )


def reflow(text: str) -> str:
    """Paragraphs as one line each, for the screen to break; lists and indented lines stay as they are."""
    return re.sub(r"(?<!\n)\n(?![\s*-])", " ", text)
