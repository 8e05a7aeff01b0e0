"""Figures are drawn last, when the tables of a report are made: one after the other, or many in several processes."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from bench.core.files import write_atomically
from bench.core.processes import Tell, Work, work_through

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
    """Draw in other processes; what is left to be drawn here are figures over which one was killed, say for memory."""
    count = min(processes, MOST, len(figures))
    left = work_through([*figures.items()], _open_studio, count, tell=_take_no_news, lost=lambda figure, end: figure)
    return dict(figure for figure in left if figure is not None)


def _open_studio() -> Work:
    return _draw


def _draw(figure: tuple[Draw, Sequence[Path]], tell: Tell) -> None:
    _finish(*figure)


def _take_no_news(news: object) -> None:
    """Drawing tells none."""


def _finish(draw: Draw, paths: Sequence[Path]) -> None:
    from bench.report.plotting.style import save

    figure = draw()
    for path in paths:
        write_atomically(path, partial(save, figure, kind=path.suffix.removeprefix(".")))
