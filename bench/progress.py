"""Bars with time left on a terminal; elsewhere a line for each step that is done. Both on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Tick = Callable[[int, str], None]  # how many of the step's units are done, and a word on them


class Progress:
    """Shows the step that runs, below a bar for all the work."""

    def __init__(self, work: float) -> None:
        """work: the sum of the weights of all steps to come, in any unit."""
        self.console = Console(file=sys.stderr)
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[word]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.all = self.bars.add_task("all", total=work, word="")

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bars.stop()

    @contextmanager
    def step(self, title: str, units: int, weight: float) -> Iterator[Tick]:
        """One training or cell of so many units, the weight being its share of all the work."""
        task = self.bars.add_task(title, total=units, word="")
        begun, said = self.bars.tasks[self.all].completed, ""

        def tick(done: int, word: str) -> None:
            nonlocal said
            said = word
            self.bars.update(task, completed=done, word=word)
            self.bars.update(self.all, completed=begun + weight * done / units)

        try:
            yield tick
            self.console.print(f"{title}: {said}", highlight=False)
        finally:
            self.bars.remove_task(task)
            self.bars.update(self.all, completed=begun + weight)
