"""Projected ascent over many images at once, where an image that is broken leaves its place to the next one."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from bench.attacks.ascent import Ascent
from bench.attacks.nested_search import legs, recorded_outcome
from bench.core.errors import AttackWarning, BadInput
from bench.core.passes import add_shared_passes
from bench.core.rng import image_rows

_places: ContextVar[int | None] = ContextVar("places", default=None)


@contextmanager
def places(count: int) -> Iterator[None]:
    """Inside the block, a search works on this many images at a time. Changes its speed, never its draws."""
    token = _places.set(count)
    try:
        yield
    finally:
        _places.reset(token)


def in_batches(model: nn.Module, x: Tensor) -> Tensor:
    """model(x), so many images at a time."""
    return torch.cat([model(part) for part in batches_of(x)])


def batches_of(x: Tensor) -> tuple[Tensor, ...]:
    """x in parts of so many images."""
    return torch.split(x, batch_size_for(len(x)))


def batch_size_for(images: int) -> int:
    """How many of these images are worked on at a time."""
    return _places.get() or images


def gradient(loss: Tensor, x: Tensor) -> Tensor:
    """Of each image's loss (B,), which depends on that image alone. BadInput where the model hands none back."""
    (grad,) = torch.autograd.grad(loss.sum(), x, allow_unused=True) if loss.requires_grad else (None,)
    if grad is None:
        raise BadInput(
            "the model gives its images no gradient (does it detach them, leave torch, or end in argmax?); "
            "mend that, or attack it with Square, which needs none"
        )
    return grad


def flat(grad: Tensor) -> Tensor:
    """Which images have no slope at all, (B,) bool."""
    return ~grad.flatten(1).any(1)


def doubt_zeros(images: int) -> None:
    """An ascent without a slope stays where it is, and what it leaves standing need not be robust."""
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
    """For each image the first iterate that the model gets wrong, or else the last iterate of the last restart.

    loss: logits (B, K), classes (B,) -> what to ascend on, (B,).
    last: look at the last iterate of a restart only, as the papers' own attack code does.
    aims: what the loss is given in the place of classes, (B, T, ...): every restart is made for each of the T in turn.
    Broken images leave the batch at once and others take their places, so batches stay full and small: the passes
    spent are those that somebody still needs. What a longer search has passed through already is not searched again.
    """
    if leg := recorded_outcome(model, ascent.steps, restarts):
        add_shared_passes(leg.passes)
        doubt_zeros(leg.stuck)
        return leg.found
    shorter = legs(model, x)
    found, goals, stuck = x.clone(), y[:, None] if aims is None else aims, 0
    limit = batch_size_for(len(x))
    waiting = torch.arange(len(x), device=x.device)
    rows, taken, tries = waiting[:0], waiting[:0], waiting[:0]
    x_adv, clean = x[:0], x[:0]
    while len(rows) or len(waiting):
        new, waiting = waiting[: limit - len(rows)], waiting[limit - len(rows) :]
        if len(new):
            zeros = torch.zeros_like(new)
            x_adv, clean = torch.cat([x_adv, _first(ascent, x, new, zeros)]), torch.cat([clean, x[new]])
            rows, taken, tries = torch.cat([rows, new]), torch.cat([taken, zeros]), torch.cat([tries, zeros])

        x_adv.requires_grad_()
        logits = model(x_adv)
        grad = gradient(loss(logits, goals[rows, tries // restarts]), x_adv)
        x_adv = x_adv.detach()

        ended = taken == ascent.steps  # only restarts that have a successor are looked at here
        wrong = logits.detach().argmax(1) != y[rows]
        allowed = (taken > 0) | (ascent.start != "unclipped")  # an unclipped start is no image yet
        broken = wrong & (ended if last else allowed)
        found[rows[broken]] = x_adv[broken]
        for leg in shorter:
            leg.look(rows, x_adv, broken)
        x_adv, taken = ascent.step(x_adv, grad, clean), taken + 1
        again = ended & ~broken
        if again.any():
            tries = tries + again
            taken = taken.masked_fill(again, 0)
            x_adv[again] = _first(ascent, x, rows[again], tries[again])
        done = (taken == ascent.steps) & (tries == restarts * goals.shape[1] - 1) & ~broken
        found[rows[done]] = x_adv[done]
        stuck += int(flat(grad[done & ~wrong]).sum())
        for leg in shorter:
            leg.end(rows, x_adv, taken, tries, flat(grad) & ~wrong)
        stay = ~(broken | done)
        if not stay.all():
            rows, taken, tries, x_adv, clean = (part[stay] for part in (rows, taken, tries, x_adv, clean))
    doubt_zeros(stuck)
    return found


def _first(ascent: Ascent, x: Tensor, rows: Tensor, tries: Tensor) -> Tensor:
    with image_rows(rows.tolist(), tries.tolist()):
        return ascent.first(x[rows])
