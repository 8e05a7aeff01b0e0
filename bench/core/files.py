"""What is true of every file that the bench reads or writes: safe names, places inside a folder, JSON of bounded depth.

Results travel between people, so a file may have been written by somebody who wishes its reader harm.
"""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from bench.core.errors import BadInput
from bench.core.parsing import printable

NAME = r"[A-Za-z0-9][A-Za-z0-9+._-]{0,99}"  # names become folders, also on other systems, and stand in lists of names
LONGEST = 200  # characters of a name; file systems allow 255 bytes, and files are named after it
DEEPEST = 20  # JSON within JSON; what the bench writes has 5 levels at most

TEMPORARY = ".bench-tmp"  # ends the name of every file that is being written; nothing else is ever tidied away
STALE = 3600.0  # seconds after which nobody is writing a temporary file any more


def is_name(text: object) -> bool:
    """Whether it can stand for one folder or file, and for nothing else."""
    return isinstance(text, str) and len(text) <= LONGEST and re.fullmatch(NAME, text) is not None


def is_folder(text: object) -> bool:
    """Whether it can name one visible folder inside another: also with blanks, as models from outside are named."""
    known = isinstance(text, str) and 0 < len(text) <= LONGEST and text.isprintable()
    return known and not str(text).startswith(".") and not re.search(r"[/\\]", str(text))


def is_run(text: object) -> bool:
    """Whether it can be a run's folder below a results folder.

    That is dataset/model/recipe/seed-hash or dataset/external/name-hash. A source of others' images, as of
    `results.row.model_id`, is a run too, with its epoch and view at the end of the last folder's name.
    """
    parts = text.split("/") if isinstance(text, str) else []
    return len(parts) in (3, 4) and all(map(is_folder, parts))


def is_finite(value: object) -> bool:
    """Whether a value of JSON is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def require_names(**names: str) -> None:
    """BadInput where one of them, by what it is the name of, cannot be the name of a folder."""
    for what, name in names.items():
        if not is_name(name):
            raise BadInput(
                f"{what} {printable(repr(name), 80)} cannot name a folder; a letter or digit, then up to "
                f"{LONGEST - 1} letters, digits and + . _ - do"
            )


def require_inside(folder: Path, path: Path) -> Path:
    """The path. BadInput where a link leads from its folder to a place outside."""
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise BadInput(
            f"{path} leads out of {folder} to {path.parent.resolve()}; put a folder in the place of the link"
        )
    return path


def remove_temporary_files(folder: Path, older_than: float = STALE) -> None:
    """Delete what a killed process has left half-written, so many seconds old; links and all other files stay."""
    for path in folder.glob(f".*{TEMPORARY}"):
        with suppress(FileNotFoundError):  # another process tidies up too, or has finished writing it
            if not path.is_symlink() and path.is_file() and time.time() - path.stat().st_mtime >= older_than:
                path.unlink()


def read_json(path: Path) -> Any:
    """What a file of UTF-8 says. ValueError where it is no JSON, as of `parse_json`."""
    return parse_json(path.read_bytes().decode("utf-8"))


def parse_json(text: str) -> Any:
    """The value. ValueError where it is none, is nested too deeply, or holds text that no file can."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"nested deeper than {DEEPEST} levels") from error
    if text.count("[") + text.count("{") > DEEPEST or "\\u" in text:
        for inner in texts_in(value):
            inner.encode()  # half a pair of surrogates: UnicodeEncodeError, a ValueError
    return value


def texts_in(value: object) -> Iterator[str]:
    """Every text in a value of JSON, keys too, level by level. ValueError where there are more levels than DEEPEST."""
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST} levels")
        yield from (each for each in level if isinstance(each, str))
        level = [
            inner
            for each in level
            for inner in ([*each, *each.values()] if isinstance(each, dict) else each if isinstance(each, list) else ())
        ]
        depth += 1


def expand_home(text: str | Path) -> Path:
    """A path in which ~ is a home folder. BadInput where it is the home folder of nobody."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise BadInput(f"{text}: there is no such user, whose home folder that would be") from None


Bits = np.ndarray[tuple[int], np.dtype[np.bool_]]


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write to a temporary file beside `path`, then rename: readers see the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name[:100]}.", suffix=TEMPORARY, delete=False
    ) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            os.unlink(file.name)
            raise
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def write_json(path: Path, value: object) -> None:
    text = json.dumps(value, indent=1, sort_keys=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def write_csv(path: Path, columns: list[str], rows: list[dict[str, object]]) -> None:
    """Missing values are empty; floats keep every digit."""
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    write_atomically(path, lambda file: frame.to_csv(file, index=False, lineterminator="\n"))
