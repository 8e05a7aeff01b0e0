"""Safe file names, paths that stay inside a folder, JSON of bounded depth, and atomic writes.

Results are exchanged between people, so every file that is read may be malicious.
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

from bench.core.errors import BadInput
from bench.core.parsing import printable

DATA_DIR = Path("~/.cache/bench-data")  # where data sets lie if no other folder is named
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9+._-]{0,99}"  # valid as a folder on every system, and in a list of names
MAX_NAME_LENGTH = 200  # characters of a name; file systems allow 255 bytes, and files are named after it
MAX_JSON_DEPTH = 20  # levels of nesting in JSON; files of the bench have at most 5

TEMPORARY_SUFFIX = ".bench-tmp"  # suffix of files that are being written; only such files are ever cleaned up
MAX_FOLDER_TRIES = 20  # to make a folder that other processes delete
STALE_SECONDS = 3600.0  # seconds after which a temporary file is taken for abandoned


def is_name(text: object) -> bool:
    """Whether a value is a text that is a valid name of a folder or file on every system."""
    return isinstance(text, str) and len(text) <= MAX_NAME_LENGTH and re.fullmatch(NAME_PATTERN, text) is not None


def is_folder(text: object) -> bool:
    """Whether a value can name one visible folder. Unlike `is_name` it allows blanks, as external models have them."""
    known = isinstance(text, str) and 0 < len(text) <= MAX_NAME_LENGTH and text.isprintable()
    return known and not str(text).startswith(".") and not re.search(r"[/\\]", str(text))


def is_run(text: object) -> bool:
    """Whether a value can be the path of a run folder below a results folder.

    Trained models: dataset/model/recipe/seed-hash; external models: dataset/external/name-hash. The model ids of
    `results.row.model_id`, which append @epoch and @view, pass too.
    """
    parts = text.split("/") if isinstance(text, str) else []
    return len(parts) in (3, 4) and all(map(is_folder, parts))


def is_finite(value: object) -> bool:
    """Whether a JSON value is a finite number (true and false are none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def require_names(**names: str) -> None:
    """Check that each value can name a folder; BadInput says which keyword's cannot."""
    for what, name in names.items():
        if not is_name(name):
            raise BadInput(
                f"{what} {printable(repr(name), 80)} cannot name a folder; a letter or digit, then up to "
                f"{MAX_NAME_LENGTH - 1} letters, digits and + . _ - do"
            )


def require_inside(folder: Path, path: Path) -> Path:
    """Return the path; BadInput if a symbolic link makes it leave the folder."""
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise BadInput(
            f"{path} leads out of {folder} to {path.parent.resolve()}; put a folder in the place of the link"
        )
    return path


def remove_temporary_files(folder: Path, older_than: float = STALE_SECONDS) -> None:
    """Delete temporary files that a killed process left, if they are `older_than` seconds old. Links are kept."""
    paths = list[Path]()
    with suppress(FileNotFoundError):  # another process has deleted the folder meanwhile
        paths = [*folder.glob(f".*{TEMPORARY_SUFFIX}")]
    for path in paths:
        with suppress(FileNotFoundError):  # another process has deleted or renamed it meanwhile
            if not path.is_symlink() and path.is_file() and time.time() - path.stat().st_mtime >= older_than:
                path.unlink()


def read_json(path: Path) -> Any:
    """Read a UTF-8 file of JSON. Raises ValueError as `parse_json` does."""
    return parse_json(path.read_bytes().decode("utf-8"))


def parse_json(text: str) -> Any:
    """Parse JSON; ValueError if it is invalid, deeper than MAX_JSON_DEPTH, or has text that UTF-8 cannot encode."""
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError(f"nested deeper than {MAX_JSON_DEPTH} levels") from error
    if text.count("[") + text.count("{") > MAX_JSON_DEPTH or "\\u" in text:
        for inner in texts_in(value):
            inner.encode()  # half a pair of surrogates: UnicodeEncodeError, a ValueError
    return value


def texts_in(value: object) -> Iterator[str]:
    """Every string in a JSON value, keys included, by level; ValueError if it is deeper than MAX_JSON_DEPTH."""
    level, depth = [value], 0
    while level:
        if depth > MAX_JSON_DEPTH:
            raise ValueError(f"nested deeper than {MAX_JSON_DEPTH} levels")
        yield from (each for each in level if isinstance(each, str))
        level = [
            inner
            for each in level
            for inner in ([*each, *each.values()] if isinstance(each, dict) else each if isinstance(each, list) else ())
        ]
        depth += 1


def expand_home(text: str | Path) -> Path:
    """Replace a leading ~ or ~user by the home folder; BadInput if there is no such user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise BadInput(f"{text}: there is no such user, whose home folder that would be") from None


Bits = np.ndarray[tuple[int], np.dtype[np.bool_]]


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write to a temporary file beside `path`, then rename it: readers see the old or the new file, never a part."""
    with _open_beside(path) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            os.unlink(file.name)
            raise
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def _open_beside(path: Path) -> IO[bytes]:
    """A new temporary file in the folder of `path`, which is made where it is not there.

    It is tried again, as another process may delete the folder as long as it is empty.
    """
    for _ in range(MAX_FOLDER_TRIES):
        with suppress(FileNotFoundError, FileExistsError):
            return _make_temporary_file(path)
    return _make_temporary_file(path)


def _make_temporary_file(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name[:100]}.", suffix=TEMPORARY_SUFFIX, delete=False
    )


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a file atomically, as `write_atomically` does."""
    write_atomically(path, lambda file: file.write(content))


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, atomically; keys keep their order."""
    text = json.dumps(value, indent=1, sort_keys=False) + "\n"
    write_bytes(path, text.encode())


def write_csv(path: Path, columns: list[str], rows: list[dict[str, object]]) -> None:
    """Write rows atomically; None becomes an empty field, and floats keep all digits."""
    import pandas as pd  # takes a second, which commands that write nothing do without

    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    write_atomically(path, lambda file: frame.to_csv(file, index=False, lineterminator="\n"))
