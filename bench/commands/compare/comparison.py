"""The two sides of a comparison, as they were asked for."""

import re
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BadInput
from bench.evaluation.external.access import Access


@dataclass(frozen=True)
class Comparison:
    """Which two sides are compared, and how what one of them lacks is measured.

    Args:
        baseline: a results folder, or the SPEC of a model.
        current: the same; one of both is a folder.
        level: 1 to measure `current` anew on the weights of the baseline, 2 to train it anew; None to compare as it is.
        access: where data and weights are, and what a file of weights may do.
        device: name of the device that measures, as --device takes it.
        batch_size: images of a batch there.
    """

    baseline: Path
    current: Path
    level: int | None
    access: Access
    device: str
    batch_size: int

    @property
    def has_spec(self) -> bool:
        """Whether one side is a model."""
        return is_spec(self.baseline) or is_spec(self.current)

    @property
    def spec(self) -> str:
        """The side that is a model, where one is."""
        return str(self.baseline if is_spec(self.baseline) else self.current)

    @property
    def folder(self) -> Path:
        """The side beside it, a results folder."""
        return self.current if is_spec(self.baseline) else self.baseline

    def check(self) -> None:
        """BadInput where the two cannot be compared."""
        baseline, current = self.baseline, self.current
        if is_spec(baseline) and is_spec(current):
            raise BadInput(
                f"{baseline} and {current} are models, and nothing says what to compare them under; make a baseline of "
                f"one by `bench eval --model {baseline} --results DIR`"
            )
        if self.has_spec and self.level == 2:
            raise BadInput("--level 2 retrains, and a model from outside has no training here; leave it out")
        one, other = baseline.resolve(), current.resolve()
        if one.is_relative_to(other) or other.is_relative_to(one):
            raise BadInput(f"{baseline} and {current} are the same folder, or one within the other; name two apart")


def is_spec(path: Path) -> bool:
    """Whether a side of a comparison is a model: FILE.py:FUNCTION@WEIGHTS, one of a package, a file of weights."""
    text = str(path)
    return not path.is_dir() and (path.is_file() or bool(re.search(r"\.py:|^(torchvision|timm|robustbench):", text)))
