"""Progress on stderr: bars with the time left on a terminal, otherwise one line for each finished step."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Column

from bench.core.parsing import printable

log = logging.getLogger("bench")


# What an event is about, which decides where its end is printed as a line:
#   cell     one of many cells: only where no bars are shown, such as in the log of a CI job
#   model    all cells of a model together: only on a terminal, in the place of a line for each cell
#   always   a training, a failure: everywhere
Scope = Literal["cell", "model", "always"]


@dataclass(frozen=True)
class Event:
    """Progress of one training or cell: how many of its units are done, and a text such as the accuracy so far."""

    title: str
    done: int
    units: int
    weight: float  # estimated cost of the whole step, in the unit of the `price` that `Progress` is given
    word: str = ""
    scope: Scope = "always"


ProgressCallback = Callable[[Event], None]


@dataclass(frozen=True)
class Step:
    """Reports the progress of one cell, or of one attack on the source of transfer."""

    tell: ProgressCallback
    title: str
    units: int
    weight: float  # as of Event

    def advance(self, done: int, word: str = "") -> None:
        """Report how many units are done. The last one is left to `end`, which knows what came out."""
        if done < self.units:
            self.tell(Event(self.title, done, self.units, self.weight, word, "cell"))

    def end(self, word: str, has_failed: bool = False) -> None:
        """Report that all units are done, and what came out."""
        scope: Scope = "always" if has_failed else "cell"
        self.tell(Event(self.title, self.units, self.units, self.weight, word, scope))


class Progress:
    """Shows a bar for all the work and one for each running step; what is finished is printed as a line, and logged."""

    def __init__(self, price: float) -> None:
        self.console = Console(file=sys.stderr)
        self.bars = Bars(
            *_columns(), console=self.console, transient=True, expand=True, disable=not self.console.is_terminal
        )
        self.all = self.bars.add_task("all", total=price, word="")
        self.tasks: dict[str, TaskID] = {}
        self.finished = 0.0
        self.running: dict[str, float] = {}

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bars.stop()

    def __call__(self, event: Event) -> None:
        if event.title not in self.tasks:
            self.tasks[event.title] = self.bars.add_task(printable(event.title), total=event.units, word="")
        self.bars.update(self.tasks[event.title], completed=event.done, word=printable(event.word))
        self.running[event.title] = event.weight * event.done / event.units
        if event.done == event.units:
            self.finished += self.running.pop(event.title)
            self.bars.remove_task(self.tasks.pop(event.title))
            self._print(event)
        self.bars.update(self.all, completed=self.finished + sum(self.running.values()))

    def _print(self, event: Event) -> None:
        line = printable(f"{event.title}: {event.word}")
        if event.scope != ("cell" if self.console.is_terminal else "model"):
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)
        if event.scope != "model":
            log.info(line)


def _columns() -> list[ProgressColumn]:
    """Columns that leave the bar and the time left readable in 80 characters: long names are cut, numbers never are."""
    return [
        TextColumn("{task.description}", markup=False, table_column=_cut_to(4)),  # names may hold brackets
        BarColumn(bar_width=None, table_column=Column(ratio=2, min_width=10)),
        TaskProgressColumn(table_column=Column(min_width=4, no_wrap=True)),
        TimeRemainingColumn(table_column=Column(min_width=8, no_wrap=True)),
        TextColumn("{task.fields[word]}", markup=False, table_column=_cut_to(3)),
    ]


def _cut_to(ratio: int) -> Column:
    return Column(ratio=ratio, no_wrap=True, overflow="ellipsis")
