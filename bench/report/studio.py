"""Where figures are drawn: here if they are few, else in processes of their own while tables are made in this one."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from bench.errors import Failed
from bench.results import write_atomically
from bench.workers import cores, serve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw: TypeAlias = Callable[[], "Figure"]  # a `functools.partial`, so that another process can be asked
FEW = 4  # figures that are drawn sooner than a process has started
PROCESSES = 8  # at most: each starts Python and matplotlib


class Studio:
    """Figures that were asked for are there at the end of its `with` block.

    few: up to so many are drawn in this process.
    """

    def __init__(self, few: int = FEW) -> None:
        self._few = few
        self._waiting: list[tuple[Draw, Sequence[Path]]] = []
        self._pool: ProcessPoolExecutor | None = None
        self._asked: list[Future[None]] = []

    def ask(self, draw: Draw, paths: Sequence[Path]) -> None:
        """One figure, in the formats that the paths end with."""
        self._waiting.append((draw, paths))
        if self._pool is None and len(self._waiting) > self._few:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(min(PROCESSES, cores()), spawn, serve)
        if self._pool is not None:
            self._asked += [self._pool.submit(_finish, *waiting) for waiting in self._waiting]
            self._waiting.clear()

    def __enter__(self) -> "Studio":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for waiting in self._waiting:
                    _finish(*waiting)
                for asked in self._asked:
                    asked.result()
        except BrokenProcessPool as broken:
            raise Failed("a process that drew figures was killed (out of memory?)") from broken
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)


def _finish(draw: Draw, paths: Sequence[Path]) -> None:
    from bench.report.style import save

    figure = draw()
    for path in paths:
        write_atomically(path, partial(save, figure, kind=path.suffix.removeprefix(".")))
