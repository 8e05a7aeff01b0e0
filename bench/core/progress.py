"""Progress on stderr: bars with the time left on a terminal, otherwise one line for each finished step."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from bench.core.parsing import printable

log = logging.getLogger("bench")


@dataclass(frozen=True)
class Event:
    """Progress of one training or cell: how many of its units are done, and a text such as the accuracy so far."""

    title: str
    done: int
    units: int
    weight: float  # estimated cost of the whole step, in the unit of `Progress.price`
    word: str = ""


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
            self.tell(Event(self.title, done, self.units, self.weight, word))

    def end(self, word: str) -> None:
        """Report that all units are done, and what came out."""
        self.tell(Event(self.title, self.units, self.units, self.weight, word))


class Progress:
    """Shows a bar for all the work and one for each running step; a finished step is printed as a line, and logged."""

    def __init__(self, price: float) -> None:
        self.console = Console(file=sys.stderr)
        self.bars = Bars(
            TextColumn("{task.description}", markup=False),  # names may hold brackets
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[word]}", markup=False),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
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
            line = printable(f"{event.title}: {event.word}")
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)
            log.info(line)
        self.bars.update(self.all, completed=self.finished + sum(self.running.values()))
