"""The content of a model report: sections of blocks, which `model_report.html` and `pdf.py` lay out alike."""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Level = Literal["ok", "suspect", "invalid", "unknown"]  # unknown: nothing was attacked
LEVEL_TEXTS: dict[Level, str] = {
    "ok": "Measured; nothing found that speaks against the numbers",
    "suspect": "Suspect: true numbers may be lower",
    "invalid": "Invalid: the numbers do not mean what they seem to",
    "unknown": "Not attacked",
}
Pixels: TypeAlias = NDArray[np.uint8]  # (H, W, 3)


class Text(NamedTuple):
    text: str


class Items(NamedTuple):
    texts: tuple[str, ...]


class Code(NamedTuple):
    text: str


class Table(NamedTuple):
    caption: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()  # columns that are set flush right


class Facts(NamedTuple):
    """A list of names and values."""

    lines: tuple[tuple[str, str], ...]


class Bar(NamedTuple):
    """A bar in percent, with the ends of its interval."""

    name: str
    value: float
    low: float
    high: float
    look: str  # clean, attack, worst, or corruption


class Bars(NamedTuple):
    caption: str
    bars: tuple[Bar, ...]


class Point(NamedTuple):
    x: float
    value: float  # percent
    low: float
    high: float


class Curve(NamedTuple):
    name: str
    points: tuple[Point, ...]


class Curves(NamedTuple):
    caption: str
    axis: str
    curves: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...]  # places and texts on the axis


class Picture(NamedTuple):
    texts: tuple[str, str, str]  # below each of the three images
    clean: Pixels
    changed: Pixels
    difference: Pixels


class Pictures(NamedTuple):
    caption: str
    heads: tuple[str, str, str]
    pictures: tuple[Picture, ...]


Block: TypeAlias = Text | Items | Code | Table | Facts | Bars | Curves | Pictures


class Section(NamedTuple):
    title: str
    blocks: tuple[Block, ...]


class ModelReport(NamedTuple):
    title: str
    subtitle: str
    level: Level
    headline: str
    paragraphs: tuple[str, ...]  # of the verdict
    sections: tuple[Section, ...]

    @property
    def chip(self) -> str:
        """A short text for the level."""
        return LEVEL_TEXTS[self.level]
