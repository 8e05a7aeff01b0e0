"""Numbers that users write, such as 20, 0.031 or 8/255, and text that is safe to print.

Only the digits 0 to 9 are read. Python also accepts digits of other scripts, `1_000`, `nan` and `inf`, which a row
would show in another spelling or could not show as a number.
"""

import math
import re

DECIMAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
RADIUS_DECIMALS = 7  # of the radii that tables and comparisons tell apart
MAX_NUMBER_LENGTH = 50  # characters of a number
LAST_SUFFIX = ".last"  # suffix of an attack's name: only its last iterate is scored
LARGEST_NUMBER = 10**9  # whole number; more images, steps or epochs than any run takes
LARGEST_SEED = 2**63 - 1  # of an int64


def parse_number(text: str) -> float:
    """Read a decimal number or a fraction of two as a finite float; ValueError for any other text."""
    match = re.fullmatch(rf"({DECIMAL})(?:/({DECIMAL}))?", text.strip())
    if match is None or len(text) > MAX_NUMBER_LENGTH:
        raise ValueError(f"{text!r} is neither a number nor a fraction of two")
    above, below = match.groups()
    try:
        value = float(above) / float(below or 1)
    except ZeroDivisionError as error:
        raise ValueError(f"{text!r} divides by zero") from error
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is beyond the largest number there is")
    return value


def parse_whole_number(text: str, least: int = 0, most: int = LARGEST_NUMBER) -> int:
    """Read a whole number from `least` to `most`; ValueError for any other text."""
    text = text.strip()
    if not re.fullmatch(r"[+-]?[0-9]+", text) or len(text) > MAX_NUMBER_LENGTH or not least <= int(text) <= most:
        raise ValueError(f"{text!r} is not a whole number from {least} to {most}")
    return int(text)


def format_radius(eps: float) -> str:
    """Write a radius: as k/255 where that is exact and shorter (8/255, not 0.0313725), else as a decimal (0.2)."""
    eps = round(eps, RADIUS_DECIMALS)  # 8/255 written as a decimal is still 8/255
    if len(f"{eps:.7g}") > 5 and round(round(eps * 255) / 255, RADIUS_DECIMALS) == eps:
        return f"{round(eps * 255)}/255"
    return f"{eps:.7g}"


def format_count(number: int, noun: str, plural: str = "") -> str:
    """A number and what it counts: "1 image", "1,797 images". plural: where it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def printable(text: object, most: int | None = None) -> str:
    """The text on one line, non-printable characters replaced by blanks, cut off after `most` characters.

    Control characters would act on the terminal, and marks of the writing direction could disguise a name.
    """
    shown = "".join(character if character.isprintable() else " " for character in str(text))
    return shown if most is None or len(shown) <= most else f"{shown[:most]}..."


def split_last(name: str) -> tuple[str, bool]:
    """An attack's name without the suffix `.last`, and whether it had it."""
    return name.removesuffix(LAST_SUFFIX), name.endswith(LAST_SUFFIX)
