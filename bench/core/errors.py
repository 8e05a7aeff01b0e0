"""The ways in which a command ends early without being a bug, and how an attack voices a doubt."""

from collections.abc import Iterator
from contextlib import contextmanager


class BadInput(ValueError):
    """Something that the user can correct. The command exits with 2.

    The message is one line: what is wrong, where, the limit, the way out. Where the way out is a file to write, the
    command prints `example` below it.

    Example:
        >>> from bench import BadInput, parse_attack
        >>> try:
        ...     parse_attack("PGD-20[step=0]")
        ... except BadInput as error:
        ...     print(error)
        attack 'PGD-20[step=0]': step=0 is not a length above 0, such as 0.25eps or 2/255
    """

    example = ""

    def show(self, example: str) -> "BadInput":
        """The same error, with lines of code or commands to copy."""
        self.example = example
        return self


class UnknownName(BadInput, KeyError):
    """A name that no registry knows."""

    __str__ = ValueError.__str__  # KeyError would print the message in quotes


class Failed(RuntimeError):
    """A training or a cell that could not give a number. Stored with its reason; never read as robust or as 0."""


class AttackWarning(UserWarning):
    """An attack's own doubt about what it measured: a reason, and the number of images it concerns."""

    def __init__(self, reason: str, images: int) -> None:
        super().__init__(reason, images)
        self.reason, self.images = reason, images


class Stopped(KeyboardInterrupt):
    """Ctrl-C at a point where there is more to say than that the same command goes on from here. One line."""


@contextmanager
def stopping(advice: str) -> Iterator[None]:
    """Inside the block, Ctrl-C is Stopped with this advice, unless it is one already."""
    try:
        yield
    except Stopped:
        raise
    except KeyboardInterrupt as error:
        raise Stopped(advice) from error
