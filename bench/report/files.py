"""Writes the files of a report, and deletes those of an earlier report that it does not replace."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Set
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from bench.core.errors import BadInput
from bench.core.files import remove_temporary_files, require_inside, write_bytes
from bench.report.drawing import Draw, draw_all

Content: TypeAlias = str | bytes | Draw
LIST_NAME = ".written-by-bench"  # file in each folder that lists what a report wrote; the next deletes what is obsolete
SITE_LIST_NAME = ".site-written-by-bench"  # the same for the site, which shares its folder with other files
GENERATED_SUFFIXES = {
    ".md",
    ".csv",
    ".tex",
    ".png",
    ".pdf",
    ".html",
    ".css",
    ".js",
    ".json",
    ".svg",
    ".parquet",
    ".bib",
}
MAX_NAME_LENGTH = 60  # characters of a name: Windows has 260 for a whole path
RESERVED_NAMES = r"con|prn|aux|nul|(com|lpt)\d"  # names that Windows gives to no file
USERS_NAMES = {"README.md", "index.html"}  # names that people give to files of theirs: replaced only if a list has them


def file_name(*parts: str) -> str:
    """Make a name for a file or folder, or the beginning of one, from words; different words may give the same name.

    It has lower case letters, digits, -, _, and dots within numbers, at most MAX_NAME_LENGTH characters, safe on any
    file system; it is empty for empty words.
    """
    text = " ".join(parts)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"(?<!\d)\.|\.(?!\d)|[^\w.]", "-", plain, flags=re.ASCII)
    name = re.sub(r"-+", "-", name).strip("-")
    if len(name) > MAX_NAME_LENGTH or (text.strip() and not name):
        name = f"{name[: MAX_NAME_LENGTH - 7].rstrip('-.')}-{sha256(text.encode()).hexdigest()[:6]}".strip("-")
    return f"{name}-" if re.fullmatch(RESERVED_NAMES, name) else name


def figure(name: str, draw: Draw) -> dict[str, Content]:
    """Paths of a figure in each format, with the function that draws it."""
    return {f"{name}.png": draw, f"{name}.pdf": draw}


def in_folder(folder: str, files: Mapping[str, Content]) -> dict[str, Content]:
    """Put a folder before the paths of files."""
    return {f"{folder}/{name}": content for name, content in files.items()}


def replace_files(folder: Path, files: Mapping[str, Content], list_name: str = LIST_NAME) -> list[Path]:
    """Write texts and figures by name; obsolete files of an earlier report in the folder are deleted first.

    list_name: name of the file that lists what the earlier report wrote.
    """
    return replace_folders({folder: files}, list_name=list_name)


def replace_folders(
    folders: Mapping[Path, Mapping[str, Content]], processes: int = 1, list_name: str = LIST_NAME
) -> list[Path]:
    """As `replace_files` for several folders; returns the paths that were written.

    folders: files by folder and name; a name may be a path with /. processes: as for `draw_all`. Several commands may
    write the same folders at once: each file is then the complete one of one of them. A README.md or index.html that
    no report has written is kept, and is not among the paths. BadInput, before anything is deleted or written, if a
    link leads out of a folder, or a file is where a folder is needed or the other way round.
    """
    for folder, files in folders.items():
        _check_places(folder, files)
    figures: dict[Draw, list[Path]] = {}
    written = []
    for folder, files in folders.items():
        mine = _clear(folder, files.keys(), list_name)
        for name, content in files.items():
            if name not in mine:
                continue
            written.append(folder / name)
            if isinstance(content, str | bytes):
                _write(folder / name, content)
            else:
                figures.setdefault(content, []).append(folder / name)
    draw_all(figures, processes)
    return written


def _check_places(folder: Path, names: Iterable[str]) -> None:
    """BadInput if names cannot be written below a folder."""
    for name in names:
        path = require_inside(folder, folder / name)
        above = [folder / part for part in PurePosixPath(name).parents]
        if wrong := [place for place in above if place.exists() and not place.is_dir()]:
            raise BadInput(f"{wrong[0]} is a file where the report makes a folder; move it, or give another --reports")
        if path.is_dir():
            raise BadInput(f"{path} is a folder where the report writes a file; move it, or give another --reports")


def _clear(folder: Path, names: Set[str], list_name: str) -> Set[str]:
    """Delete files that an earlier report listed and this one does not write, and list the new names.

    Files that are not listed belong to the user and are kept. Returns the names to write.
    """
    if not names and not folder.exists():
        return names
    listed = read_list(folder, list_name)
    names = {name for name in names if name in listed or name not in USERS_NAMES or not (folder / name).exists()}
    for below in sorted(_folders(names | listed)):
        remove_temporary_files(folder / below)
    for name in listed - names:
        (folder / name).unlink(missing_ok=True)
    for below in sorted(_folders(listed) - _folders(names), reverse=True):  # the inner ones first
        with suppress(OSError):  # somebody's own files are in it
            (folder / below).rmdir()
    if names:
        _write(folder / list_name, "".join(f"{name}\n" for name in sorted(names)))
    else:
        (folder / list_name).unlink(missing_ok=True)
    return names


def read_list(folder: Path, list_name: str = LIST_NAME) -> set[str]:
    """Read the names that an earlier report listed, without names that a report cannot have written."""
    if not (folder / list_name).exists():
        return set()
    names = (folder / list_name).read_text(encoding="utf-8", errors="replace").splitlines()
    return {name for name in names if _can_be_ours(folder, name)}


def _can_be_ours(folder: Path, name: str) -> bool:
    """Whether a report can have written a file of this name: its suffix, below the folder, behind no link."""
    path = PurePosixPath(name)
    if str(path) != name or "\\" in name or path.is_absolute() or path.suffix not in GENERATED_SUFFIXES:
        return False
    if any(part.startswith(".") for part in path.parts) or not (folder / path).parent.is_dir():
        return False
    return (folder / path).parent.resolve() == folder.resolve() / path.parent


def _folders(names: Iterable[str]) -> set[str]:
    """All folders above names, as text; only `.` for names without a folder."""
    return {str(folder) for name in names for folder in PurePosixPath(name).parents}


def _write(path: Path, content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    write_bytes(path, data)
