"""Projected gradient ascent on a batch of images; broken images leave the batch, and waiting ones join it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn

from bench.attacks.searches.ascent import Ascent
from bench.attacks.searches.gradients import has_no_gradient, mean_gradient, warn_zero_gradients
from bench.attacks.searches.nested_search import find_recorded, start_shorter_searches
from bench.core.passes import add_shared_passes
from bench.core.rng import image_rows
from bench.core.threats.threat import Threat

_batch_limit: ContextVar[int | None] = ContextVar("batch limit", default=None)


@contextmanager
def batch_limit(count: int) -> Iterator[None]:
    """Limit the images that a search has in a batch inside the block. Changes its speed, not its random numbers."""
    token = _batch_limit.set(count)
    try:
        yield
    finally:
        _batch_limit.reset(token)


def in_batches(model: nn.Module, x: Tensor) -> Tensor:
    """model(x), (B, K), computed in batches of at most the limit."""
    return torch.cat([model(part) for part in batches_of(x)])


def batches_of(x: Tensor) -> tuple[Tensor, ...]:
    """Split x (B, ...) into batches of at most the limit."""
    return torch.split(x, batch_size_for(len(x)))


def attack_in_batches(attack: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Decorator of an attack function that keeps its images together: it is called with at most the limit of them.

    Random numbers of an image are the same in any batch.
    """

    @wraps(attack)
    def attack_each(model: nn.Module, x: Tensor, y: Tensor, threat: Threat, **settings: Any) -> Tensor:
        found = []
        for rows in batches_of(torch.arange(len(x), device=x.device)):
            with image_rows(rows.tolist(), [0] * len(rows)):
                found.append(attack(model, x[rows], y[rows], threat, **settings))
        return torch.cat(found)

    return attack_each


def batch_size_for(images: int) -> int:
    """The batch limit; without a limit the number of images."""
    return _batch_limit.get() or images


def search(
    model: nn.Module,
    ascent: Ascent,
    loss: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    *,
    restarts: int = 1,
    last: bool = False,
    aims: Tensor | None = None,
    eot: int = 1,
) -> Tensor:
    """Search by projected ascent for an image in the ball that the model misclassifies.

    A broken image leaves the batch at once and a waiting one takes its place, so no pass is spent on images that are
    already broken. A search that is a prefix of a longer one inside `record_shorter_searches` is not run again.

    Args:
        model: images (B, C, H, W) in [0, 1] to logits (B, K).
        ascent: ball, steps, step size and start.
        loss: (logits (B, K), classes (B,)) -> the objective of each image, (B,).
        x: clean images (B, C, H, W) in [0, 1].
        y: true classes (B,).
        restarts: searches of each image, with starts of their own.
        last: score only the last iterate of a restart, as the papers' own attack code does.
        aims: (B, T, ...), given to the loss instead of y; all restarts are made for each of the T aims in turn.
        eot: passes of which each gradient is the mean, and the logits by which an iterate counts as misclassified.

    Returns:
        Images (B, C, H, W): the first misclassified iterate, else the last iterate of the last restart.

    Raises:
        BadInput: the model gives its images no gradient.
    """
    if recorded := find_recorded(model, x, ascent.steps, restarts):
        add_shared_passes(eot * recorded.passes)
        warn_zero_gradients(recorded.stuck)
        return recorded.found
    shorter = start_shorter_searches(model, x)
    found, goals, stuck = x.clone(), y[:, None] if aims is None else aims, 0
    limit, waiting = batch_size_for(len(x)), torch.arange(len(x), device=x.device)
    batch = _SearchBatch(waiting[:0], waiting[:0], waiting[:0], x[:0], x[:0])
    while len(batch.rows) or len(waiting):
        free = limit - len(batch.rows)
        batch, waiting = batch.join(ascent, x, waiting[:free]), waiting[free:]
        rows, x_adv = batch.rows, batch.x_adv.requires_grad_()
        logits, grad = mean_gradient(model, loss, x_adv, goals[rows, batch.tries // restarts], eot)
        x_adv = x_adv.detach()

        ended = batch.taken == ascent.steps  # of a restart but the final one, whose last iterate is returned anyway
        wrong = logits.argmax(1) != y[rows]
        allowed = (batch.taken > 0) | (ascent.start != "unclipped")  # an unclipped start may lie outside [0, 1]
        broken = wrong & (ended if last else allowed)
        found[rows[broken]] = x_adv[broken]
        shorter.look(rows, x_adv, broken)
        batch.step(ascent, grad, x, again=ended & ~broken)
        done = (batch.taken == ascent.steps) & (batch.tries == restarts * goals.shape[1] - 1) & ~broken
        found[rows[done]] = batch.x_adv[done]
        stuck += int(has_no_gradient(grad[done & ~wrong]).sum())
        shorter.end(rows, batch.x_adv, batch.taken, batch.tries, has_no_gradient(grad) & ~wrong)
        batch = batch.select(~(broken | done))
    warn_zero_gradients(stuck)
    return found


@dataclass
class _SearchBatch:
    """The images that `search` has in its batch."""

    rows: Tensor  # (B,) their places in x
    taken: Tensor  # (B,) steps of the present restart
    tries: Tensor  # (B,) restarts that are over, of all aims together
    x_adv: Tensor  # (B, C, H, W) iterates
    clean: Tensor  # (B, C, H, W)

    def join(self, ascent: Ascent, x: Tensor, new: Tensor) -> "_SearchBatch":
        """The batch with further images, at their starts. new: their places in x."""
        if not len(new):
            return self
        zeros = torch.zeros_like(new)
        starts = _draw_starts(ascent, x, new, zeros)
        joined = (new, zeros, zeros, starts, x[new])
        return _SearchBatch(*(torch.cat(pair) for pair in zip(self._parts(), joined, strict=True)))

    def step(self, ascent: Ascent, grad: Tensor, x: Tensor, again: Tensor) -> None:
        """Take a step along grad (B, C, H, W); where `again` (B,) is true, begin the next restart instead."""
        self.x_adv, self.taken = ascent.step(self.x_adv.detach(), grad, self.clean), self.taken + 1
        if again.any():
            self.tries = self.tries + again
            self.taken = self.taken.masked_fill(again, 0)
            self.x_adv[again] = _draw_starts(ascent, x, self.rows[again], self.tries[again])

    def select(self, stay: Tensor) -> "_SearchBatch":
        """The images where `stay` (B,) is true."""
        return self if stay.all() else _SearchBatch(*(part[stay] for part in self._parts()))

    def _parts(self) -> tuple[Tensor, ...]:
        return self.rows, self.taken, self.tries, self.x_adv, self.clean


def _draw_starts(ascent: Ascent, x: Tensor, rows: Tensor, tries: Tensor) -> Tensor:
    with image_rows(rows.tolist(), tries.tolist()):
        return ascent.first(x[rows])
