"""Files that a report is made of."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GENERATED = (".md", ".csv", ".tex", ".png", ".pdf")


def cleared(folder: Path) -> Path:
    """The folder without the files of an earlier report."""
    if folder.exists():
        for old in folder.iterdir():
            if old.suffix in GENERATED:
                old.unlink()
    return folder


def text(content: str) -> Callable[[IO[bytes]], object]:
    """To hand to `write_atomically`, as is `image`."""
    return lambda file: file.write(content.encode())


def image(figure: "Figure", kind: str) -> Callable[[IO[bytes]], object]:
    from bench.report.style import save

    return lambda file: save(figure, file, kind)
