"""The clean test image."""

from dataclasses import dataclass

from bench.evaluation.conditions.base import Caption


@dataclass(frozen=True)
class Clean:
    """Nothing."""

    @property
    def caption(self) -> Caption:
        return Caption("clean", "clean")
