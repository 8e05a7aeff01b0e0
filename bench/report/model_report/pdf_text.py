"""Measures and wraps text for the PDF. Lengths are in inches, font sizes in points."""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"  # come with matplotlib
NO_GLYPH = "\N{WHITE SQUARE}"
MEASURING_SIZE = 200
LEADING = 1.45  # distance of lines, as a multiple of the font size


class Type(NamedTuple):
    """A font and its colour."""

    size: float = 9.0
    bold: bool = False
    colour: str = "#1b1f24"
    family: str = SANS

    @property
    def leading(self) -> float:
        return LEADING * self.size / 72


@lru_cache
def _font(family: str, bold: bool) -> "FT2Font":
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return get_font(findfont(FontProperties(family=[family], weight="bold" if bold else "normal")))


@lru_cache(4096)
def width(text: str, style: Type) -> float:
    """The width of text in inches."""
    font = _font(style.family, style.bold)
    font.set_size(MEASURING_SIZE, 72)  # at a small size, positions would be rounded to pixels
    font.set_text(text, 0.0)
    return font.get_width_height()[0] / 64 / 72 * style.size / MEASURING_SIZE


def drawable(text: str, style: Type) -> str:
    """Replace characters that the font lacks by a square."""
    known = _font(style.family, style.bold).get_charmap()
    return "".join(letter if ord(letter) in known else NO_GLYPH for letter in text)


def wrap(text: str, style: Type, room: float) -> list[str]:
    """Break text into lines at most `room` inches wide; words that are wider are cut."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in _pieces(drawable(paragraph, style), style, room):
            longer = f"{line} {word}" if line else word
            if line and width(longer, style) > room:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


def _pieces(text: str, style: Type, room: float) -> list[str]:
    """The words of a text; those that are too wide are cut into pieces."""
    pieces = []
    for word in text.split():
        while width(word, style) > room and len(word) > 1:
            fits = next(size for size in range(len(word) - 1, 0, -1) if size == 1 or width(word[:size], style) <= room)
            cut = max(word.rfind(mark, 0, fits) + 1 for mark in "/-,_=") or fits
            pieces.append(word[:cut])
            word = word[cut:]
        pieces.append(word)
    return pieces
