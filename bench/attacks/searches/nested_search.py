"""Results of PGD-10 and PGD-20 from one run of PGD-50.

Starts are drawn by image and restart, so a search with fewer steps or restarts is a prefix of a longer one. While the
longest runs, the iterates at which the shorter ones would have stopped are recorded.
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
    """The result of a search with fewer steps or restarts, and what it would have cost alone."""

    steps: int
    restarts: int
    found: Tensor  # (B, C, H, W), its adversarial images
    open: Tensor  # (B,) bool, images that it would still search on
    passes: int = 0  # images sent forward, and as many backward; `eot` times as many where gradients are means
    stuck: int = 0  # images whose gradient was zero at its last iterate

    def look(self, rows: Tensor, x_adv: Tensor, broken: Tensor) -> None:
        """Before a step of the longer search: record images that it breaks.

        rows: indices (R,) of the images in the batch; x_adv: their iterates; broken: (R,) bool.
        """
        here = self.open[rows]
        self.passes += int(here.sum())
        self._store(rows, x_adv, here & broken)

    def end(self, rows: Tensor, x_adv: Tensor, taken: Tensor, tries: Tensor, stuck: Tensor) -> None:
        """After a step of the longer search: record images at which the shorter one would have ended.

        x_adv: the next iterates of the images `rows` (R,); taken, tries: steps and restarts so far; stuck: (R,) bool,
        the gradient was zero.
        """
        done = self.open[rows] & (taken == self.steps) & (tries == self.restarts - 1)
        self.stuck += int((done & stuck).sum())
        self._store(rows, x_adv, done)

    def _store(self, rows: Tensor, x_adv: Tensor, some: Tensor) -> None:
        self.found[rows[some]] = x_adv[some]
        self.open[rows[some]] = False


class ShorterSearches(tuple[ShorterSearch, ...]):
    """Those that a longer search has to record; none outside `record_shorter_searches`."""

    def look(self, rows: Tensor, x_adv: Tensor, broken: Tensor) -> None:
        """`ShorterSearch.look` of each."""
        for each in self:
            each.look(rows, x_adv, broken)

    def end(self, rows: Tensor, x_adv: Tensor, taken: Tensor, tries: Tensor, stuck: Tensor) -> None:
        """`ShorterSearch.end` of each."""
        for each in self:
            each.end(rows, x_adv, taken, tries, stuck)


@dataclass
class NestedSearch:
    """The shorter searches to record, and the model that the longest runs on, once it has begun."""

    efforts: tuple[Effort, ...]
    model: nn.Module | None = None
    images: Tensor | None = None  # (B, C, H, W), the clean ones that it began with
    shorter: dict[Effort, ShorterSearch] = field(default_factory=dict)


_nested_search: ContextVar[NestedSearch | None] = ContextVar("nested search", default=None)


@contextmanager
def record_shorter_searches(efforts: Sequence[Effort]) -> Iterator[None]:
    """Inside the block, the first search also records the results of these shorter ones, which later calls return.

    efforts: (steps, restarts) of the shorter ones. All searches must be on the same images and model, and differ in
    nothing but steps and restarts; the longest comes first.
    """
    token = _nested_search.set(NestedSearch(tuple(efforts)) if efforts else None)
    try:
        yield
    finally:
        _nested_search.reset(token)


def start_shorter_searches(model: nn.Module, x: Tensor) -> ShorterSearches:
    """The shorter searches that a search has to record: those of the block if it is the first in it, else none."""
    nested = _nested_search.get()
    if nested is None or nested.model is not None:
        return ShorterSearches()
    nested.model, nested.images = model, x.clone()
    here = torch.ones(len(x), dtype=torch.bool, device=x.device)
    nested.shorter = {effort: ShorterSearch(*effort, x.clone(), here.clone()) for effort in nested.efforts}
    return ShorterSearches(nested.shorter.values())


def find_recorded(model: nn.Module, x: Tensor, steps: int, restarts: int) -> ShorterSearch | None:
    """The recorded result of a search with these steps and restarts on this model; None if there is none.

    x: clean images (B, C, H, W); a random model may leave other images to the shorter search than to the longest.
    """
    nested = _nested_search.get()
    if nested is None or nested.model is not model or nested.images is None or not torch.equal(nested.images, x):
        return None
    return nested.shorter.get((steps, restarts))
