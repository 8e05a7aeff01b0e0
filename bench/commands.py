"""What the commands do, once their arguments are read."""

from typing import Any

from bench.attacks import ATTACKS
from bench.data import DATASETS
from bench.models import MODELS
from bench.plugins import load_plugins
from bench.recipe import RECIPES
from bench.registry import Registry
from bench.studies import STUDIES


def names(kind: str) -> list[str]:
    """Every name of a kind, families by their pattern, and what may follow a name."""
    load_plugins()
    registries: dict[str, Registry[Any]] = {
        "methods": RECIPES,
        "attacks": ATTACKS,
        "datasets": DATASETS,
        "models": MODELS,
        "studies": STUDIES,
    }
    listed = [*registries[kind].listed(), *registries[kind].suffixes()]
    return [*listed, "folder:PATH"] if kind == "datasets" else listed
