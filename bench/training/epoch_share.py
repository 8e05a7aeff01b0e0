"""How far a training is, for recipes that change with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_share: ContextVar[float] = ContextVar("epoch share", default=1.0)


def epoch_share() -> float:
    """The number of the present epoch, counted from 1, as a share of all epochs; 1 outside a training.

    Example:
        >>> from bench import epoch_share
        >>> epoch_share()
        1.0
    """
    return _share.get()


@contextmanager
def in_epoch(number: int, epochs: int) -> Iterator[None]:
    """Inside the block a training is in this epoch, counted from 1, of so many."""
    token = _share.set(number / epochs)
    try:
        yield
    finally:
        _share.reset(token)
