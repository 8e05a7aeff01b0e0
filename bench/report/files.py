"""Files of a report: written whole, in the place of an earlier report's."""

import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import TypeAlias

from bench.core.files import remove_temporary_files, write_atomically
from bench.report.drawing import Draw, draw_all

Content: TypeAlias = str | Draw
LIST = ".written-by-bench"  # in each folder: the names of a report's files, of which the next one deletes some
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
    """The same of several folders. processes: as of `draw_all`.

    Several commands may do so at once: each file is a whole one of theirs, and nothing of another's is in the way.
    """
    figures: dict[Draw, list[Path]] = {}
    for folder, files in folders.items():
        _clear(folder, files.keys())
        for name, content in files.items():
            if isinstance(content, str):
                _write(folder / name, content)
            else:
                figures.setdefault(content, []).append(folder / name)
    draw_all(figures, processes)
    return [folder / name for folder, files in folders.items() for name in files]


def _clear(folder: Path, names: Set[str]) -> None:
    """Delete what an earlier report wrote and this one does not, by its list; and take the new names into the list.

    Files that no list of ours names are somebody's own, and stay.
    """
    if not names and not folder.exists():
        return
    remove_temporary_files(folder)
    there = (folder / LIST).exists()
    listed = (folder / LIST).read_text(encoding="utf-8", errors="replace").splitlines() if there else []
    ours = {name for name in listed if Path(name).name == name and Path(name).suffix in GENERATED}
    for name in ours - names:
        (folder / name).unlink(missing_ok=True)
    if names:
        _write(folder / LIST, "".join(f"{name}\n" for name in sorted(names)))
    else:
        (folder / LIST).unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
