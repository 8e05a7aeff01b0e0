"""Paths as people write them."""

from pathlib import Path

from bench.errors import BadInput


def expanded(text: str | Path) -> Path:
    """A path in which ~ is a home folder. BadInput where it is the home folder of nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise BadInput(f"{text}: there is no such user, whose home folder that would be") from None
