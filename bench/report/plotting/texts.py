"""Shortens and breaks the texts of figures, as names may have 200 letters, and matplotlib's layout collapses then."""

import textwrap
from collections.abc import Sequence

LETTERS_PER_INCH = 18  # characters of a title per inch
WIDE_LETTERS_PER_INCH = 9  # of one long word, whose letters may all be wide
LONG_WORD = 28  # letters
MAX_NAME_LETTERS = 32  # of a line, an attack or a corruption beside an axis or in a legend
SAMPLE_LETTERS = 6  # room of the sample beside a name in a legend
ELLIPSIS = "…"


def shorten(text: str, letters: int = MAX_NAME_LETTERS) -> str:
    """A text of at most so many letters: an ellipsis stands for its middle, as long names often differ at their ends.

    Example:
        >>> from bench.report.plotting.texts import shorten
        >>> shorten("PGD-AT"), shorten("robustbench:Rebuffi2021Fixing_70_16_cutmix_extra", 20)
        ('PGD-AT', 'robustbenc…mix_extra')
    """
    if len(text) <= letters:
        return text
    behind = (letters - 1) // 2
    return text[: letters - 1 - behind] + ELLIPSIS + text[len(text) - behind :]


def wrap_title(text: str, width: float, most: int) -> str:
    """Break text into at most `most` lines of at most `width` inches, and shorten what does not fit.

    The layout does not account for matplotlib's wrap=True.
    """
    letters = max(2, int(width * (WIDE_LETTERS_PER_INCH if has_long_word(text) else LETTERS_PER_INCH)))
    return "\n".join(textwrap.wrap(shorten(text, letters * most), letters, max_lines=most, placeholder=ELLIPSIS))


def fit_legend(names: Sequence[str], width: float, most: int) -> int:
    """Number of entries, at most `most`, for which a line of a legend that is `width` inches wide has room."""
    longest = max(map(len, names), default=0) + SAMPLE_LETTERS
    per_inch = WIDE_LETTERS_PER_INCH if any(map(has_long_word, names)) else LETTERS_PER_INCH
    return max(1, min(most, len(names), int(width * per_inch / longest)))


def has_long_word(text: str) -> bool:
    """Whether a word is so long that the width of its letters does not average out."""
    return any(len(word) > LONG_WORD for word in text.split())
