"""Projected gradient ascent on a batch of images; broken images leave the batch, and waiting ones join it."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from bench.attacks.ascent import Ascent
from bench.attacks.nested_search import find_recorded, start_shorter_searches
from bench.core.errors import AttackWarning, BadInput
from bench.core.passes import add_shared_passes
from bench.core.rng import image_rows

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


def batch_size_for(images: int) -> int:
    """The batch limit; without a limit the number of images."""
    return _batch_limit.get() or images


def gradient(loss: Tensor, x: Tensor) -> Tensor:
    """Gradient (B, C, H, W) of each image's loss (B,) with respect to it; BadInput if the model gives none."""
    (grad,) = torch.autograd.grad(loss.sum(), x, allow_unused=True) if loss.requires_grad else (None,)
    if grad is None:
        raise BadInput(
            "the model gives its images no gradient (does it detach them, leave torch, or end in argmax?); "
            "mend that, or attack it with Square, which needs none"
        )
    return grad


def has_no_gradient(grad: Tensor) -> Tensor:
    """Which images have a gradient that is zero everywhere, (B,) bool."""
    return ~grad.flatten(1).any(1)


def warn_zero_gradients(images: int) -> None:
    """Warn that the ascent had a zero gradient on a number of images, so that these may not be robust."""
    if images:
        warnings.warn(AttackWarning("zero gradients", images), stacklevel=3)


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

    Returns:
        Images (B, C, H, W): the first misclassified iterate, else the last iterate of the last restart.

    Raises:
        BadInput: the model gives its images no gradient.
    """
    if recorded := find_recorded(model, ascent.steps, restarts):
        add_shared_passes(recorded.passes)
        warn_zero_gradients(recorded.stuck)
        return recorded.found
    shorter = start_shorter_searches(model, x)
    found, goals, stuck = x.clone(), y[:, None] if aims is None else aims, 0
    limit = batch_size_for(len(x))
    waiting = torch.arange(len(x), device=x.device)
    rows, taken, tries = waiting[:0], waiting[:0], waiting[:0]
    x_adv, clean = x[:0], x[:0]
    while len(rows) or len(waiting):
        new, waiting = waiting[: limit - len(rows)], waiting[limit - len(rows) :]
        if len(new):
            zeros = torch.zeros_like(new)
            x_adv, clean = torch.cat([x_adv, _draw_starts(ascent, x, new, zeros)]), torch.cat([clean, x[new]])
            rows, taken, tries = torch.cat([rows, new]), torch.cat([taken, zeros]), torch.cat([tries, zeros])

        x_adv.requires_grad_()
        logits = model(x_adv)
        grad = gradient(loss(logits, goals[rows, tries // restarts]), x_adv)
        x_adv = x_adv.detach()

        ended = taken == ascent.steps  # of a restart but the final one, whose last iterate is returned anyway
        wrong = logits.detach().argmax(1) != y[rows]
        allowed = (taken > 0) | (ascent.start != "unclipped")  # an unclipped start may lie outside [0, 1]
        broken = wrong & (ended if last else allowed)
        found[rows[broken]] = x_adv[broken]
        for other in shorter:
            other.look(rows, x_adv, broken)
        x_adv, taken = ascent.step(x_adv, grad, clean), taken + 1
        again = ended & ~broken
        if again.any():
            tries = tries + again
            taken = taken.masked_fill(again, 0)
            x_adv[again] = _draw_starts(ascent, x, rows[again], tries[again])
        done = (taken == ascent.steps) & (tries == restarts * goals.shape[1] - 1) & ~broken
        found[rows[done]] = x_adv[done]
        stuck += int(has_no_gradient(grad[done & ~wrong]).sum())
        for other in shorter:
            other.end(rows, x_adv, taken, tries, has_no_gradient(grad) & ~wrong)
        stay = ~(broken | done)
        if not stay.all():
            rows, taken, tries, x_adv, clean = (part[stay] for part in (rows, taken, tries, x_adv, clean))
    warn_zero_gradients(stuck)
    return found


def _draw_starts(ascent: Ascent, x: Tensor, rows: Tensor, tries: Tensor) -> Tensor:
    with image_rows(rows.tolist(), tries.tolist()):
        return ascent.first(x[rows])
