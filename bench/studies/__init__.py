"""Studies: grids of trainings and measurements, and what is read off them. Values; no torch here."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from bench.registry import Registry


@dataclass(frozen=True)
class Part:
    """Recipes, and what they are judged under."""

    methods: tuple[str, ...]
    attacks: tuple[str, ...] = ()
    diagnostics: tuple[str, ...] = ()
    exhibits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """A grid by parts, and the text that follows from its rows."""

    about: str
    parts: tuple[Part, ...]
    findings: Callable[[pd.DataFrame], str]  # rows of one data set, model and budget -> Markdown


STUDIES: Registry[Study] = Registry("study")

from bench.studies import claims  # noqa: E402  fills the registry

__all__ = ["STUDIES", "Part", "Study", "claims"]
