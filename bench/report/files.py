"""Files of a report: written whole, in the place of an earlier report's."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TypeAlias

from bench.report.studio import Draw, Studio
from bench.results import write_atomically

Content: TypeAlias = str | Draw
GENERATED = (".md", ".csv", ".tex", ".png", ".pdf")


def file_name(*parts: str) -> str:
    """The beginning of a file's name, from words."""
    return re.sub(r"[^\w.]+", "-", " ".join(parts)).strip("-").lower()


def figure(name: str, draw: Draw) -> dict[str, Content]:
    """A figure in each of its formats."""
    return {f"{name}.png": draw, f"{name}.pdf": draw}


def replace_files(folder: Path, files: Mapping[str, Content], studio: Studio | None = None) -> list[Path]:
    """Write texts and figures by name; what an earlier report left in the folder goes first.

    studio: draws the figures by its end; without one they are drawn when this returns.
    """
    for old in folder.iterdir() if folder.exists() else ():
        if old.suffix in GENERATED:
            old.unlink()
    figures: dict[Draw, list[Path]] = {}
    for name, content in files.items():
        if isinstance(content, str):
            _write(folder / name, content)
        else:
            figures.setdefault(content, []).append(folder / name)
    with Studio() if studio is None else nullcontext(studio) as asked:
        for draw, paths in figures.items():
            asked.ask(draw, paths)
    return [folder / name for name in files]


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
