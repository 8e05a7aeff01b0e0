"""report.npz of a run folder: what a page about one model needs besides rows. `bench eval --report` writes it.

It holds the command, names of classes, attacks and corruptions, and a few images before and after an attack.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.core.files import is_finite, parse_json, write_atomically
from bench.core.parsing import format_count, printable

FILE_NAME = "report.npz"
MAX_PICTURES = 64  # pictures
QUANTISATION_STEPS = 127  # steps from no change to the largest one of an image
REMEDY = "delete it and run again with --report"


@dataclass(frozen=True)
class Example:
    """What is known of one image that an attack has changed."""

    image: int  # its place in the test set
    label: str
    before: str  # the class that the model gives to the clean image
    after: str  # and to the changed one
    eps: float  # the smallest radius tried at which the attack broke it
    broken_by: int  # of the measurements under attack that the report is of
    measurements: int


@dataclass(frozen=True)
class ReportFacts:
    """What the page says of the evaluation as a whole."""

    commands: tuple[str, ...]  # that asked for the page, the oldest first
    results: str  # the results folder, as the command has it
    test_images: int  # in the whole test set
    attacks: tuple[str, ...]  # every attack that the bench knew
    corruptions: tuple[str, ...]
    attack: str = ""  # that made the pictures; empty without any
    norm: str = ""
    without: str = ""  # why there are no pictures
    examples: tuple[Example, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)  # what attacks are, in a line, by name; not of all


@dataclass(frozen=True, eq=False)
class Pictures:
    """Images of the examples, in their order."""

    clean: NDArray[np.uint8]  # (M, C, H, W)
    steps: NDArray[np.int8]  # (M, C, H, W) what the attack has added, in units of
    units: NDArray[np.float32]  # (M,) pixel units of [0, 1]

    @property
    def change(self) -> NDArray[np.float32]:
        """What the attack has added, (M, C, H, W), in pixel units of [0, 1]."""
        return (self.steps * self.units[:, None, None, None]).astype(np.float32)


def encode(clean: NDArray[np.float32], changed: NDArray[np.float32]) -> Pictures:
    """Pictures of images (M, C, H, W) in [0, 1] before and after, rounded as much as no eye can see."""
    change = changed - clean
    units = np.maximum(np.abs(change).reshape(len(change), -1).max(1, initial=0), 1e-12) / QUANTISATION_STEPS
    steps = np.rint(change / units[:, None, None, None]).astype(np.int8)
    return Pictures(np.rint(clean * 255).astype(np.uint8), steps, units.astype(np.float32))


def no_pictures() -> Pictures:
    """Pictures of no image."""
    empty = np.zeros((0, 1, 1, 1))
    return Pictures(empty.astype(np.uint8), empty.astype(np.int8), np.zeros(0, np.float32))


def write_report_file(folder: Path, facts: ReportFacts, pictures: Pictures) -> None:
    """Write the file of a run folder in the place of an earlier one."""
    content: dict[str, Any] = {**vars(pictures), "about": np.array(json.dumps(asdict(facts)))}
    write_atomically(folder / FILE_NAME, lambda file: np.savez_compressed(file, **content))


def read_report_file(folder: Path) -> tuple[ReportFacts, Pictures]:
    """Read the file of a run folder; BadInput where it is damaged or not as it was written."""
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            content = {name: arrays[name] for name in arrays.files}
        facts = _facts(parse_json(str(content.pop("about"))))
        pictures = Pictures(**content)
        _check(facts, pictures)
    except Exception as error:  # of numpy, zipfile and zlib, half a dozen types
        raise BadInput(f"{path} cannot be read ({printable(error, 100) or type(error).__name__}); {REMEDY}") from error
    return facts, pictures


def _facts(about: Mapping[str, Any]) -> ReportFacts:
    """ValueError, TypeError or KeyError where a field lacks or has another type."""
    examples = tuple(Example(**_check_types(Example, each)) for each in about["examples"])
    names = {name: tuple(map(_text, about[name])) for name in ("commands", "attacks", "corruptions")}
    meanings = {
        _text(name): _text(line) for name, line in dict(about.get("meanings", {})).items()
    }  # not in older files
    return ReportFacts(**_check_types(ReportFacts, {**about, **names, "examples": examples, "meanings": meanings}))


def _check_types(kind: type[Example] | type[ReportFacts], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, as arguments of `kind`. Raises ValueError where one is not of the type of its field, or negative."""
    for each in fields(kind):
        value = values[each.name]
        if each.type is str:
            _text(value)
        if (each.type is int and (type(value) is not int or value < 0)) or (
            each.type is float and not (is_finite(value) and value >= 0)
        ):
            raise ValueError(f"{each.name} is {value!r}")
    return dict(values)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return printable(value)


def _check(facts: ReportFacts, pictures: Pictures) -> None:
    """ValueError where pictures and examples are not of each other."""
    count, shape = len(facts.examples), pictures.clean.shape
    types = [array.dtype.name for array in vars(pictures).values()]
    if types != ["uint8", "int8", "float32"] or pictures.clean.ndim != 4 or pictures.steps.shape != shape:
        raise ValueError(f"images {types[0]} {shape} and changes {types[1]} {pictures.steps.shape}")
    if (
        count > MAX_PICTURES
        or shape[0] != count
        or pictures.units.shape != (count,)
        or (count and shape[1] not in (1, 3))
    ):
        raise ValueError(f"{format_count(count, 'example')} and images of shape {shape}")
    if not np.isfinite(pictures.units).all():
        raise ValueError("changes that are no numbers")
