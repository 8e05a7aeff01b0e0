"""Texts and images for the site that no run folder holds; callers that may import torch pass them in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.report.studies.scales import RadiusOf, usual_radius


class Setting(NamedTuple):
    """A field of a recipe, with its value and meaning."""

    path: str  # as in `--set recipe.PATH=...`
    value: str
    meaning: str


class Passage(NamedTuple):
    """A text or a piece of code, and the file or class that it is from."""

    place: str
    text: str


@dataclass(frozen=True)
class RecipeText:
    """Docstrings, settings and code of a recipe."""

    paper: tuple[Passage, ...]  # by file: citation, equation, and what a paper leaves open
    classes: tuple[Passage, ...]
    settings: tuple[Setting, ...]
    source: tuple[Passage, ...]
    meaning: str = ""  # the sentence that it was registered with, as in `bench list methods`

    @property
    def scales_lengths(self) -> bool:
        """Whether a setting is a length in pixels, which is scaled to the radius of a data set."""
        return any("/255" in setting.value for setting in self.settings)


LENGTH_NOTE = "Lengths in pixels are meant for a radius of 8/255, and scale with the data set's own."


class CleanImages(NamedTuple):
    """Clean test images and the names of their classes."""

    pixels: NDArray[np.uint8]  # (N, C, H, W), C being 1 or 3
    classes: tuple[str, ...]  # (N,) of the images
    all_classes: tuple[str, ...] = ()  # of the data set, in its order


def _no_text(recipe: str) -> RecipeText | None:
    return None


def _plain_attack(name: str, settings: dict[str, Any]) -> str:
    return name


def _no_images(dataset: str, ids: Sequence[int]) -> CleanImages | None:
    return None


@dataclass(frozen=True)
class SiteSources:
    """Functions that the pages call; the defaults return nothing, and pages leave the parts out."""

    recipe_text: Callable[[str], RecipeText | None] = _no_text  # of a recipe by name; None: no recipe is called so
    attack_text: Callable[[str, dict[str, Any]], str] = _plain_attack  # as --attacks takes an attack, of a row's params
    test_images: Callable[[str, Sequence[int]], CleanImages | None] = _no_images  # of a data set, by place in the set
    radius: RadiusOf = usual_radius


NO_SOURCES = SiteSources()
