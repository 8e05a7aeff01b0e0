"""What shorter searches would find, taken down while a longer one passes through their iterates.

Fewer steps, or fewer restarts, are the beginning of a longer search, as starts are drawn by image and restart.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Effort = tuple[int, int]  # steps of a search, and its restarts


@dataclass
class ShorterSearch:
    """What a search of so many steps and restarts hands back, and what it would have cost alone."""

    steps: int
    restarts: int
    found: Tensor  # (B, C, H, W)
    open: Tensor  # (B,) bool, the images that it still works on
    passes: int = 0  # images sent forward, and back
    stuck: int = 0  # images that it left where there was no slope

    def look(self, rows: Tensor, x_adv: Tensor, broken: Tensor) -> None:
        """Before a step of the longer search: the iterates of some images, and which of them are broken."""
        here = self.open[rows]
        self.passes += int(here.sum())
        self._hand_back(rows, x_adv, here & broken)

    def end(self, rows: Tensor, x_adv: Tensor, taken: Tensor, tries: Tensor, stuck: Tensor) -> None:
        """After it: the next iterates, the steps and restarts that led there, and where there was no slope."""
        done = self.open[rows] & (taken == self.steps) & (tries == self.restarts - 1)
        self.stuck += int((done & stuck).sum())
        self._hand_back(rows, x_adv, done)

    def _hand_back(self, rows: Tensor, x_adv: Tensor, some: Tensor) -> None:
        self.found[rows[some]] = x_adv[some]
        self.open[rows[some]] = False


@dataclass
class NestedSearch:
    """The shorter searches, and once the longest has begun, on which model that was."""

    efforts: tuple[Effort, ...]
    model: nn.Module | None = None
    legs: dict[Effort, ShorterSearch] = field(default_factory=dict)


_course: ContextVar[NestedSearch | None] = ContextVar("course", default=None)


@contextmanager
def course(efforts: Sequence[Effort]) -> Iterator[None]:
    """Inside the block, the first search takes down what these shorter ones would find; later ones are told it.

    All of them must be of the same images, and equal in anything else than steps and restarts.
    """
    token = _course.set(NestedSearch(tuple(efforts)) if efforts else None)
    try:
        yield
    finally:
        _course.reset(token)


def legs(model: nn.Module, x: Tensor) -> list[ShorterSearch]:
    """What a search is to take down: the shorter ones if it is the first of an open course."""
    open_course = _course.get()
    if open_course is None or open_course.model is not None:
        return []
    open_course.model = model
    here = torch.ones(len(x), dtype=torch.bool, device=x.device)
    open_course.legs = {effort: ShorterSearch(*effort, x.clone(), here.clone()) for effort in open_course.efforts}
    return list(open_course.legs.values())


def recorded_outcome(model: nn.Module, steps: int, restarts: int) -> ShorterSearch | None:
    """What was taken down of such a search on this model, if anything was."""
    open_course = _course.get()
    return open_course.legs.get((steps, restarts)) if open_course and open_course.model is model else None
