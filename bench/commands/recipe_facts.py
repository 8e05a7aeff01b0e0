"""What reports say of recipes, attacks and data sets; torch is imported only for what is not kept in `code_facts`."""

from dataclasses import asdict
from functools import partial
from typing import Any

from bench.commands.code_facts import Fact, recall
from bench.core.errors import BadInput
from bench.report.cards.citations import Citation, find_citations
from bench.report.site.sources import Passage, RecipeText, Setting


def recall_recipe(name: str) -> RecipeText | None:
    """Docstrings, settings and code of a recipe; None if no recipe has this name, such as for external models."""
    value = recall("recipe", name, partial(_find_recipe, name))
    return _as_recipe_text(value) if value else None


def _find_recipe(name: str) -> Fact:
    from bench.commands.show.recipe_text import describe_recipe
    from bench.core.foreign.plugins import load_plugins
    from bench.training.recipe import RECIPES

    load_plugins()
    text = describe_recipe(name)
    return Fact(asdict(text), RECIPES.homes(name)) if text else Fact(None, [])


def _as_recipe_text(value: dict[str, Any]) -> RecipeText:
    passages = (tuple(Passage(*one) for one in value[part]) for part in ("paper", "classes", "source"))
    paper, classes, source = passages
    return RecipeText(paper, classes, tuple(Setting(*one) for one in value["settings"]), source, value["meaning"])


def find_cited_papers(name: str) -> list[Citation]:
    """Find the papers that the files of a recipe cite; none if no recipe has this name."""
    text = recall_recipe(name)
    return find_citations(passage.text for passage in text.paper) if text else []


def write_attack(name: str, params: dict[str, Any]) -> str:
    """An attack as --attacks takes it, from the name and the params of a row: settings that are the default are left
    out, and so are all where the attack is not known here."""
    usual = recall("attack", name, partial(_find_usual_settings, name))
    if usual is None:
        return name
    own = [f"{key}={value}" for key, value in params.items() if key in usual and usual[key] != value]
    return f"{name}[{','.join(own)}]" if own else name


def _find_usual_settings(name: str) -> Fact:
    from bench.attacks.parse import parse_attack
    from bench.attacks.spec import ATTACKS
    from bench.core.parsing import split_last

    try:
        return Fact(dict(parse_attack(name).settings), ATTACKS.homes(split_last(name)[0]))
    except BadInput:
        return Fact(None, [])


def registered_radius(name: str) -> float:
    """The default radius of a data set in [0, 1] pixel units; CIFAR-10's for data sets that need their folder."""
    return float(recall("radius", name, partial(_find_radius, name)))


def _find_radius(name: str) -> Fact:
    from bench.core.foreign.plugins import load_plugins
    from bench.data.dataset import DATASETS
    from bench.data.lookup import registered_radius as find

    load_plugins()
    return Fact(find(name), DATASETS.homes(name) if name in DATASETS else [])
