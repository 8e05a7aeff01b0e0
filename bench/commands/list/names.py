"""Registered names for scripts, one a line."""

from typing import Any

from bench.attacks.spec import ATTACKS
from bench.attacks.suites import SUITES
from bench.core.registry import Registry
from bench.corruptions.corruption import CORRUPTIONS
from bench.data.dataset import DATASETS
from bench.data.lookup import FOLDER
from bench.data.published_sets import file_corruptions
from bench.evaluation.conditions.base import CONDITIONS
from bench.models.build import MODELS
from bench.training.recipe import RECIPES

REGISTRIES: dict[str, Registry[Any]] = {
    "methods": RECIPES,
    "attacks": ATTACKS,
    "corruptions": CORRUPTIONS,
    "conditions": CONDITIONS,
    "datasets": DATASETS,
    "models": MODELS,
}


def names(kind: str) -> list[str]:
    """All names of a kind; families as a pattern, then suffixes that may follow a name."""
    if kind == "suites":
        return [f"{name}: {suite}" for name, suite in SUITES.items()]
    listed = [*REGISTRIES[kind].all_names(), *REGISTRIES[kind].suffixes()]
    listed += file_corruptions() if kind == "corruptions" else []
    return [*listed, f"{FOLDER}PATH"] if kind == "datasets" else listed


def homes(kind: str) -> list[str]:
    """The modules that have registered the names of a kind; none of suites, which are this bench's own."""
    registry = REGISTRIES.get(kind)
    return list(registry.all_homes()) if registry else []
