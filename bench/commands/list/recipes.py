"""The table of recipes: counted cost, family, paper, and what it does or how it differs from another recipe."""

import inspect
import re
import sys
from collections.abc import Mapping

from bench.commands.show.recipe_cost import count_passes
from bench.commands.show.recipe_text import reflow
from bench.commands.show.settings import describe_class, own_classes, settings
from bench.training.recipe import RECIPES, Recipe

Fields = Mapping[str, str]  # settings by path
MAX_DIFFERENCES = 3  # most settings that are shown as a difference; with more the recipe is described by its class
CITATION = re.compile(r"(?:^|\n)(?P<authors>[A-Z][\w-]+(?:, [A-Z][\w-]+)*),\s")
COLUMNS = ["Method", "Passes", "Family", "Paper", "Meaning"]


def rows(brief: bool = False) -> list[list[str]]:
    """Rows of all recipes with COLUMNS. Passes: forward and backward, per image of a training step.

    brief: families by their abbreviation, papers by first author and year.
    """
    found, before = [], dict[tuple[str, type], dict[str, Fields]]()
    for name, recipe in RECIPES.items():
        home = RECIPES.homes(name)[0]
        earlier, ours = before.setdefault((home, type(recipe)), {}), settings_by_path(recipe)
        about = inspect.getdoc(sys.modules[home]) or ""
        meaning = RECIPES.meaning(name) or describe_variant(ours, earlier) or describe_recipe_class(recipe)
        group, cited = family(about), papers(about)
        if brief:
            group = group.partition("(")[2].strip(")") or group
            cited = [re.sub(r" and \w+| et al\.|, arXiv.*", "", paper) for paper in cited]
        found.append([name, f"{sum(count_passes(recipe)):g}", group, ("; ", ", ")[brief].join(cited), meaning])
        earlier[name] = ours
    return found


def family(about: str) -> str:
    """The name of the method in the docstring of a recipe's file: "Adversarial training (AT)"."""
    return re.split(r"[:,.]\s|[:,.]$", about.partition("\n")[0])[0]


def papers(about: str) -> list[str]:
    """Short citations in the docstring of a recipe's file: "Madry et al. 2018, arXiv:1706.06083"."""
    starts = list(CITATION.finditer(about))
    ends = [start.start() for start in starts[1:]] + [len(about)] * bool(starts)
    found = []
    for start, end in zip(starts, ends, strict=True):
        text, authors = about[start.end() : end], start["authors"].split(", ")
        year = re.search(r"\b(?:19|20)\d\d\b", re.sub(r'".*?"', "", text, flags=re.DOTALL))
        number = re.search(r"arXiv:[\d.]*\d", text)
        who = (
            authors[0] if len(authors) == 1 else " and ".join(authors) if len(authors) == 2 else f"{authors[0]} et al."
        )
        if year:
            found.append(f"{who} {year[0]}" + (f", {number[0]}" if number else ""))
    return found


def describe_recipe_class(recipe: Recipe) -> str:
    """The first sentence of the docstring of the recipe's class."""
    texts = [describe_class(cls) for cls in own_classes(recipe)]
    return first_sentence(texts[0]) if texts else ""


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, on one line."""
    line = reflow(text).partition("\n")[0]
    return re.split(r"(?<=[.:])\s(?=[A-Z`])", line)[0].rstrip(".:")


def settings_by_path(recipe: Recipe) -> Fields:
    """The settings of a recipe as text, by the path that --set recipe.PATH takes."""
    return {setting.path: shorten(setting.value) for setting in settings(recipe)}


def describe_variant(ours: Fields, others: Mapping[str, Fields]) -> str:
    """A sentence for a recipe without one: the most similar other recipe and the settings that differ.

    Empty if more than MAX_DIFFERENCES differ.
    """
    changes = {name: differences(ours, theirs) for name, theirs in others.items()}
    nearest = min(changes, key=lambda name: len(changes[name]), default="")
    if not nearest or len(changes[nearest]) > MAX_DIFFERENCES:
        return ""
    words = (f"{path} {ours[path]}" for path in changes[nearest] if path in ours)
    return f"The same as {nearest}, but for these settings: {', '.join(words)}"


def differences(ours: Fields, theirs: Fields) -> list[str]:
    """The paths of settings that differ or that only one has; ours first."""
    return [p for p in dict.fromkeys([*ours, *theirs]) if ours.get(p) != theirs.get(p)]


def shorten(value: str) -> str:
    """Shorten a length in pixels to its form in 1/255: 8/255."""
    found = re.search(r"\((\S+/255)\)", value)
    return found[1] if found else value
