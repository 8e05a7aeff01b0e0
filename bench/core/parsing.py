"""Text as people write it: what of it can be shown, whole numbers such as 20, radii such as 0.031, 8/255, 0.25/255.

Numbers are written in the digits 0 to 9 alone: Python also reads those of other scripts, `1_000`, `nan` and `inf`, of
which a row would show another spelling than was asked for, or no number at all.
"""

import math
import re

DECIMAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
LONGEST = 50  # characters of a number
LARGEST = 10**9  # of whole numbers: more images, steps or epochs nobody waits for


def parse_number(text: str) -> float:
    """A finite number. ValueError where the text is neither a decimal number nor a fraction of two."""
    match = re.fullmatch(rf"({DECIMAL})(?:/({DECIMAL}))?", text.strip())
    if match is None or len(text) > LONGEST:
        raise ValueError(f"{text!r} is neither a number nor a fraction of two")
    above, below = match.groups()
    try:
        value = float(above) / float(below or 1)
    except ZeroDivisionError as error:
        raise ValueError(f"{text!r} divides by zero") from error
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is beyond the largest number there is")
    return value


def parse_whole_number(text: str, least: int = 0, most: int = LARGEST) -> int:
    """ValueError where the text is no whole number from `least` to `most`."""
    text = text.strip()
    if not re.fullmatch(r"[+-]?[0-9]+", text) or len(text) > LONGEST or not least <= int(text) <= most:
        raise ValueError(f"{text!r} is not a whole number from {least} to {most}")
    return int(text)


def format_radius(eps: float) -> str:
    """8/255 rather than 0.0313725, where it is one; 0.2 rather than 51/255."""
    eps = round(eps, 7)  # 8/255 written as a decimal is still 8/255
    if len(f"{eps:.7g}") > 5 and round(round(eps * 255) / 255, 7) == eps:
        return f"{round(eps * 255)}/255"
    return f"{eps:.7g}"


def printable(text: object, most: int | None = None) -> str:
    """One line of characters that can be seen, blanks in the place of others; cut off after `most` characters.

    A terminal obeys control characters, and marks that turn the direction of writing hide what a name says.
    """
    shown = "".join(character if character.isprintable() else " " for character in str(text))
    return shown if most is None or len(shown) <= most else f"{shown[:most]}..."
