"""Figures are drawn last, when the tables of a report are made: one after the other, or many in several processes."""

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from bench.results import write_atomically
from bench.workers import serve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw: TypeAlias = Callable[[], "Figure"]  # a `functools.partial`, so that another process can be asked
MOST = 8  # processes: each starts Python and matplotlib
FEW = 6  # figures that are drawn sooner than a process has started


def draw_all(figures: Mapping[Draw, Sequence[Path]], processes: int = 1) -> None:
    """Each figure in the formats that its paths end with.

    processes: more than one only where the main module may be imported again, as it is in every one of them.
    """
    waiting = dict(figures)
    if processes > 1 and len(figures) > FEW:
        waiting = _beside(figures, processes)
    for draw, paths in waiting.items():
        _finish(draw, paths)


def _beside(figures: Mapping[Draw, Sequence[Path]], processes: int) -> dict[Draw, Sequence[Path]]:
    """Draw in other processes; what is left to be drawn here where one of them was killed, say for its memory."""
    spawn, left = multiprocessing.get_context("spawn"), dict(figures)
    with ProcessPoolExecutor(min(processes, MOST, len(figures)), spawn, serve) as pool:
        try:
            for draw, drawn in [(draw, pool.submit(_finish, draw, paths)) for draw, paths in figures.items()]:
                drawn.result()
                del left[draw]
        except BrokenProcessPool:
            return left
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise
    return left


def _finish(draw: Draw, paths: Sequence[Path]) -> None:
    from bench.report.style import save

    figure = draw()
    for path in paths:
        write_atomically(path, partial(save, figure, kind=path.suffix.removeprefix(".")))
