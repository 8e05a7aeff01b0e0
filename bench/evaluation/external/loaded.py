"""The result of loading an external model."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, eq=False)
class LoadResult:
    """A model, and what was chosen where the SPEC allowed several (a clause each, for messages)."""

    net: nn.Module
    choices: tuple[str, ...] = ()
