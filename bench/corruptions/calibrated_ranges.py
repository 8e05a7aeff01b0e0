"""Ranges of M-TLAT's four corruptions that `bench calibrate` found on a model, used instead of the paper's."""

import math
from dataclasses import dataclass
from pathlib import Path

from bench.core.errors import BadInput
from bench.core.files import read_json
from bench.core.parsing import printable
from bench.corruptions.geometry import fifths
from bench.data.dataset import Dataset


@dataclass(frozen=True)
class Ranges:
    """By corruption, the amounts at which the accuracy of a model falls by 5 and by 30 points."""

    of: str  # first digits of the fingerprint of the model's weights
    amounts: dict[str, tuple[float, float]]

    def settings(self, name: str, severity: int) -> tuple[float, float] | None:
        """The range of amounts of a corruption at a severity; None if it was not calibrated."""
        return fifths(*self.amounts[name])[severity - 1] if name in self.amounts else None


def read_ranges(path: Path, data: Dataset) -> Ranges:
    """Read a calibration.json; BadInput if it is none, is for images of another shape, or lacks an end of a range."""
    try:
        record = read_json(path)
        ends = {name: tuple(end["amount"] for end in found["ends"]) for name, found in record["ranges"].items()}
        of, shape = str(record["identity"])[:8], tuple(record["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = printable(error, 100)
        raise BadInput(f"--calibration {path} is no calibration.json of `bench calibrate` ({reason})") from error
    if shape != data.shape:
        raise BadInput(f"--calibration {path} is of images {shape}, and those of {data.name} are {data.shape}")
    if short := [name for name, amounts in ends.items() if None in amounts or len(amounts) != 2]:
        raise BadInput(
            f"--calibration {path} has no whole range for {', '.join(short)}: no amount cost its model enough; "
            "calibrate on a stronger model, or take these from the file"
        )
    if odd := [name for name, amounts in ends.items() if not all(is_amount(amount) for amount in amounts)]:
        raise BadInput(f"--calibration {path}: the ends of {odd[0]} are {ends[odd[0]]}; they are numbers from 0 up")
    return Ranges(of, ends)


def is_amount(value: object) -> bool:
    """Whether a value is a finite number from 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
