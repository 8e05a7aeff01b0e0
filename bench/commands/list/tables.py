"""The rows of the tables of registered names with their meaning."""

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from bench.attacks.parse import parse_attack
from bench.attacks.spec import ATTACKS
from bench.attacks.suites import SUITES
from bench.commands.list import recipes
from bench.commands.list.recipes import first_sentence
from bench.core.parsing import format_radius
from bench.core.registry import Registry
from bench.corruptions.corruption import CORRUPTIONS
from bench.data.dataset import DATASETS
from bench.data.lookup import FOLDER
from bench.data.published_sets import datasets_with, file_corruptions, set_of
from bench.evaluation.conditions.base import CONDITIONS
from bench.models.build import MODELS, smallest_side
from bench.models.lazy import has_lazy_layers
from bench.report.attack_scores.scores import shipped_scores
from bench.report.table_formats.table_text import MISSING

Rows = Sequence[Sequence[str]]


def describe_name(registry: Registry[Any], name: str) -> str:
    """The meaning that a name was registered with, or the first sentence of the docstring of its item or file."""
    if registered := registry.meaning(name):
        return capitalise(registered)
    item = registry.get(name)
    while isinstance(item, partial):
        item = item.func
    documented = item if callable(item) or isinstance(item, type) else None
    text = inspect.getdoc(documented) if documented else inspect.getdoc(sys.modules[registry.home(name)])
    return first_sentence(text or "")


def capitalise(text: str) -> str:
    """A text with a capital at its beginning, unless it begins with a name, such as resnet8 or torchvision's."""
    first = text.partition(" ")[0].rstrip(":,").replace("-", "")
    return text[:1].upper() + text[1:] if first.isalpha() else text


def attacks() -> Rows:
    """Rows of attacks. Passes: per image that no attack breaks, in forward passes, a backward counted as two.

    Exam: the share of the errors that it finds in the exam of attacks; of a family with 20 steps.
    """
    rows, scores = [], shipped_scores()
    for name in ATTACKS.all_names():
        is_family = name not in ATTACKS
        passes = parse_attack(f"{name.removesuffix('k')}1" if is_family else name).passes
        known = parse_attack(f"{name.removesuffix('k')}20" if is_family else name)
        found = scores.get((known.name, known.params))
        exam = found.share if found else MISSING
        rows.append([name, f"{passes:,.0f}{' k' if is_family else ''}", exam, describe_name(ATTACKS, name)])
    return rows


def corruptions() -> Rows:
    """Rows of corruptions."""
    rows = []
    for name, corruption in CORRUPTIONS.items():
        text = capitalise(CORRUPTIONS.meaning(name)) or first_sentence(inspect.getdoc(corruption.apply) or "")
        rows.append([name, "colour" if corruption.colour else "any", text])
    for name in file_corruptions():
        whose, owners = set_of(name), " and ".join(datasets_with(name))
        rows.append([name, "colour", f"Published files for {owners}, see bench show corruption {whose}"])
    return rows


def datasets() -> Rows:
    """Rows of data sets."""
    rows = []
    for name in DATASETS.all_names():
        about = describe_name(DATASETS, name)
        if name in DATASETS:
            data = DATASETS[name]
            size, radius = (
                "x".join(map(str, data.shape)),
                f"{type(data.threat).__name__} {format_radius(data.threat.eps)}",
            )
            rows.append([name, size, str(data.num_classes), radius, about])
        else:
            rows.append([name, "", "", "", f"{about}; sizes are those of the files in --data-dir"])
    return [
        *rows,
        [
            f"{FOLDER}PATH",
            "",
            "",
            "",
            "A folder of your own images: {train,test}/<class>/*.png or *.jpg, or a test set without train",
        ],
    ]


def models() -> Rows:
    """Rows of architectures."""
    rows = []
    for name, build in MODELS.items():
        with torch.device("meta"):
            net = build(10, 3)
        size = f"{sum(p.numel() for p in net.parameters()) / 1e6:.2f} M" if not has_lazy_layers(net) else "lazy"
        rows.append([name, size, f"{smallest_side(name)} px", describe_name(MODELS, name)])
    return rows


def conditions() -> Rows:
    """Rows of kinds of conditions."""
    return [[name, describe_name(CONDITIONS, name)] for name in CONDITIONS]


def suites() -> Rows:
    """Rows of suites."""
    return [[name, ",".join(suite.attacks), capitalise(suite.about)] for name, suite in SUITES.items()]


TABLES: dict[str, tuple[list[str], Callable[[], Rows]]] = {
    "methods": (recipes.COLUMNS, partial(recipes.rows, brief=True)),
    "attacks": (["Attack", "Passes", "Exam", "Meaning"], attacks),
    "corruptions": (["Corruption", "Images", "Meaning"], corruptions),
    "conditions": (["Condition", "Meaning"], conditions),
    "datasets": (["Data set", "Images", "Classes", "Radius", "Meaning"], datasets),
    "models": (["Model", "Parameters", "Smallest", "Meaning"], models),
    "suites": (["Suite", "Attacks", "Meaning"], suites),
}
