"""Draws the figures of a report after its tables: in this process, or if there are many in several processes."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from bench.core.files import write_atomically
from bench.core.processes import Tell, Work, work_through

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw: TypeAlias = Callable[[], "Figure"]  # a `functools.partial`, which can be pickled for another process
MAX_PROCESSES = 8  # each starts Python and matplotlib
FEW_FIGURES = 6  # up to this number, drawing here is faster than starting a process


def draw_all(figures: Mapping[Draw, Sequence[Path]], processes: int = 1) -> None:
    """Draw each figure and save it to its paths, in the format of each path's suffix.

    processes: more than one only if the main module can be imported again, as each process does.
    """
    waiting = dict(figures)
    if processes > 1 and len(figures) > FEW_FIGURES:
        waiting = _draw_in_processes(figures, processes)
    for draw, paths in waiting.items():
        _draw_and_save(draw, paths)


def _draw_in_processes(figures: Mapping[Draw, Sequence[Path]], processes: int) -> dict[Draw, Sequence[Path]]:
    """Draw in other processes; returns the figures whose process was killed, e.g. for lack of memory."""
    count = min(processes, MAX_PROCESSES, len(figures))
    left = work_through([*figures.items()], _make_worker, count, tell=_ignore_message, lost=lambda figure, end: figure)
    return dict(figure for figure in left if figure is not None)


def _make_worker() -> Work:
    return _draw


def _draw(figure: tuple[Draw, Sequence[Path]], tell: Tell) -> None:
    _draw_and_save(*figure)


def _ignore_message(news: object) -> None:
    """Drawing sends no progress messages."""


def _draw_and_save(draw: Draw, paths: Sequence[Path]) -> None:
    from bench.report.plotting.style import save

    figure = draw()
    for path in paths:
        write_atomically(path, partial(save, figure, kind=path.suffix.removeprefix(".")))
