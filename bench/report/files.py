"""Files of a report: written whole, in the place of an earlier report's."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from bench.report.studio import Draw, draw_all
from bench.results import write_atomically

Content: TypeAlias = str | Draw
GENERATED = (".md", ".csv", ".tex", ".png", ".pdf")


def file_name(*parts: str) -> str:
    """The beginning of a file's name, from words."""
    return re.sub(r"[^\w.]+", "-", " ".join(parts)).strip("-").lower()


def figure(name: str, draw: Draw) -> dict[str, Content]:
    """A figure in each of its formats."""
    return {f"{name}.png": draw, f"{name}.pdf": draw}


def replace_files(folder: Path, files: Mapping[str, Content]) -> list[Path]:
    """Write texts and figures by name; what an earlier report left in the folder goes first."""
    return replace_folders({folder: files})


def replace_folders(folders: Mapping[Path, Mapping[str, Content]], processes: int = 1) -> list[Path]:
    """The same of several folders. processes: as of `draw_all`."""
    figures: dict[Draw, list[Path]] = {}
    for folder, files in folders.items():
        for old in folder.iterdir() if folder.exists() else ():
            if old.suffix in GENERATED or (old.name.startswith(".") and Path(old.stem).suffix in GENERATED):
                old.unlink()  # finished, or left half-written by a process that was killed
        for name, content in files.items():
            if isinstance(content, str):
                _write(folder / name, content)
            else:
                figures.setdefault(content, []).append(folder / name)
    draw_all(figures, processes)
    return [folder / name for folder, files in folders.items() for name in files]


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
