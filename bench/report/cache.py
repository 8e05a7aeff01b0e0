"""A cache of run folders, so that each is read once for all tables and figures of a report."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache, update_wrapper
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

from bench.core.files import Bits
from bench.results.added import FILE_PATTERN
from bench.results.load import load_results
from bench.results.store import Stored, read_run
from bench.results.survey import run_folders

P = ParamSpec("P")
T = TypeVar("T")
Read = Callable[Concatenate[Path, P], T]  # of a folder; whatever else it takes is hashable
RUN_FILES = ("job.json", "results.csv", "outcomes.npz", "train.csv")
Stamp = tuple[tuple[str, int, int, int], ...]


def cached_by_folder(size: int) -> Callable[[Read[P, T]], Read[P, T]]:
    """Decorate a function that reads a folder: it is called again only if a file in or below the folder has changed.

    size: number of results to keep. Results are shared between callers, which must not change them.
    """

    def decorate(read: Read[P, T]) -> Read[P, T]:
        @lru_cache(size)
        def read_stamped(stamp: Stamp, folder: Path, *args: Any, **kwargs: Any) -> T:
            return read(folder, *args, **kwargs)

        def read_cached(folder: Path, /, *args: P.args, **kwargs: P.kwargs) -> T:
            given: Any = (args, kwargs)  # hashable, which a ParamSpec cannot say
            return read_stamped(_stamp(folder), folder, *given[0], **given[1])

        return update_wrapper(read_cached, read)

    return decorate


def _stamp(folder: Path) -> Stamp:
    """Inode, size and time of the files of a run folder, or of all run folders below a results folder."""
    is_run = (folder / "job.json").exists()  # of which no other is below it
    runs = [folder] if is_run else run_folders(folder) or [folder]
    patterns = (*RUN_FILES, FILE_PATTERN, "exhibits/*.csv")
    stamps = []
    for path in (path for run in runs for pattern in patterns for path in run.glob(pattern)):
        with suppress(FileNotFoundError):  # another process has just merged a file of added cells
            stat = path.stat()
            stamps.append((str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(stamps))


@cached_by_folder(1)
def rows(results: Path) -> pd.DataFrame:
    """`results.load()`."""
    return load_results(results, _run)


@cached_by_folder(1024)
def _run(folder: Path) -> Stored:
    return read_run(folder)


def outcomes(results: Path, runs: Iterable[str]) -> dict[str, Bits]:
    """Outcomes of the rows of these runs by key: (n,) bool, True where the model is correct."""
    return {key: bits for run in runs for key, bits in _run(results / run)[1].items()}
