"""What run folders hold, read once for all the tables and figures of a report."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache, update_wrapper
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

from bench.core.files import Bits
from bench.results.added import PATTERN
from bench.results.store import Stored, load, read_run
from bench.results.survey import run_folders

P = ParamSpec("P")
T = TypeVar("T")
Read = Callable[Concatenate[Path, P], T]  # of a folder; whatever else it takes is hashable
FILES = ("job.json", "results.csv", "outcomes.npz", "train.csv")
Stamp = tuple[tuple[str, int, int, int], ...]


def cached_by_folder(size: int) -> Callable[[Read[P, T]], Read[P, T]]:
    """Read a folder anew only when a file in or below it has changed. size: how many answers are kept.

    What comes back is shared by all who ask: it is not to be changed.
    """

    def remembering(read: Read[P, T]) -> Read[P, T]:
        @lru_cache(size)
        def known(stamp: Stamp, folder: Path, *args: Any, **kwargs: Any) -> T:
            return read(folder, *args, **kwargs)

        def remember(folder: Path, /, *args: P.args, **kwargs: P.kwargs) -> T:
            said: Any = (args, kwargs)  # hashable, which a ParamSpec cannot say
            return known(_stamp(folder), folder, *said[0], **said[1])

        return update_wrapper(remember, read)

    return remembering


def _stamp(folder: Path) -> Stamp:
    """Changes with the files of a run folder, or of all run folders below a results folder."""
    runs = run_folders(folder) or [folder]
    patterns = (*FILES, PATTERN, "exhibits/*.csv")
    stamps = []
    for path in (path for run in runs for pattern in patterns for path in run.glob(pattern)):
        with suppress(FileNotFoundError):  # another process has just written what was added to the two files
            stat = path.stat()
            stamps.append((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(stamps))


@cached_by_folder(1)
def rows(results: Path) -> pd.DataFrame:
    """`results.load()`."""
    return load(results, _run)


@cached_by_folder(1024)
def _run(folder: Path) -> Stored:
    return read_run(folder)


def outcomes(results: Path, runs: Iterable[str]) -> dict[str, Bits]:
    """Which images each model of these runs got right, by the key of the row."""
    return {key: bits for run in runs for key, bits in _run(results / run)[1].items()}
