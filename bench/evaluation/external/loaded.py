"""What comes of loading a model from outside."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model, and what was chosen for its user among several possibilities, a clause each."""

    net: nn.Module
    choices: tuple[str, ...] = ()
