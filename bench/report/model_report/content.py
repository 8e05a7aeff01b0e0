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
    """A paragraph."""

    text: str


class Items(NamedTuple):
    """A list with bullets."""

    texts: tuple[str, ...]


class Code(NamedTuple):
    """Lines as they are typed, such as a command."""

    text: str


class CaptionedTable(NamedTuple):
    """A table of texts."""

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
    """A chart with a bar for each measurement."""

    caption: str
    bars: tuple[Bar, ...]


class Point(NamedTuple):
    """A point of a curve, with the ends of its interval in percent."""

    x: float
    value: float  # percent
    low: float
    high: float


class Curve(NamedTuple):
    """Points joined by a line, in their order."""

    name: str
    points: tuple[Point, ...]


class Curves(NamedTuple):
    """A chart of accuracy over the radius."""

    caption: str
    axis: str
    curves: tuple[Curve, ...]
    ticks: tuple[tuple[float, str], ...]  # places and texts on the axis


class Picture(NamedTuple):
    """An image before and after an attack, and their difference."""

    texts: tuple[str, str, str]  # below each of the three images
    clean: Pixels
    changed: Pixels
    difference: Pixels


class PictureRows(NamedTuple):
    """Pictures in lines, with a heading above each column."""

    caption: str
    heads: tuple[str, str, str]
    pictures: tuple[Picture, ...]


Block: TypeAlias = Text | Items | Code | CaptionedTable | Facts | Bars | Curves | PictureRows


class Section(NamedTuple):
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]


class ModelReport(NamedTuple):
    """The whole report: a verdict, then sections."""

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
