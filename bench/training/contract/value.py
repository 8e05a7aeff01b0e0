"""A recipe is a value: its repr names its runs, and worker processes get a copy of it."""

import pickle
import re
from copy import deepcopy
from dataclasses import fields

from bench.core.errors import BadInput
from bench.training.contract.probe import Broken
from bench.training.recipe import Recipe, list_starts


def it_is_a_frozen_value(recipe: Recipe) -> None:
    """Settings kept elsewhere than in fields would not be part of a run's name."""
    if isinstance(recipe, type):
        raise Broken(f"saw the class {recipe.__name__}; register a value of it, {recipe.__name__}()")
    if not isinstance(recipe, Recipe):
        raise Broken(f"saw {recipe!r}; a method is a subclass of bench.Recipe")
    if "__dataclass_fields__" not in vars(type(recipe)):
        raise Broken(f"saw no @dataclass(frozen=True) above class {type(recipe).__name__}")
    if hidden := sorted(vars(recipe).keys() - {f.name for f in fields(recipe)}):
        raise Broken(f"saw the attribute {hidden[0]!r}, which is no field; its value would not be part of a run's name")


def its_settings_survive_copies(recipe: Recipe) -> None:
    """Jobs are hashed, and pickled to worker processes."""
    try:
        copies = {"deepcopy": deepcopy(recipe), "pickle": pickle.loads(pickle.dumps(recipe))}
        same = {way: copy == recipe and hash(copy) == hash(recipe) for way, copy in copies.items()}
    except (TypeError, AttributeError, pickle.PickleError) as error:
        raise Broken(f"saw {error}; fields hold numbers, strings, tuples and frozen dataclasses") from error
    if changed := [way for way, equal in same.items() if not equal]:
        raise Broken(f"saw another value after {changed[0]}")


def its_repr_is_stable(recipe: Recipe) -> None:
    """It names the run folder, and is the seed."""
    text = repr(recipe)
    if " at 0x" in text:
        raise Broken(f"saw an address, which no other process has: {text}")
    if re.search(r"\bfrozenset\(", text):
        raise Broken(f"saw a set, whose order other processes do not share: {text}; sort it into a tuple")
    if repr(deepcopy(recipe)) != text:
        raise Broken(f"saw {text} and, of a copy, {deepcopy(recipe)!r}")


def it_starts_somewhere(recipe: Recipe) -> None:
    """From a new model, or from that of a registered recipe which does."""
    try:
        list_starts(recipe)
    except BadInput as error:
        raise Broken(f"saw {error}") from error
