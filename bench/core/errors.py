"""Errors that are no bugs (wrong input, a failed cell, Ctrl-C), and the warning that an attack gives about itself."""

from collections.abc import Iterator
from contextlib import contextmanager


class BadInput(ValueError):
    """An error that the user can correct; the command prints it and exits with status 2.

    The message is one line that says what is wrong, where, what is allowed and how to correct it. If the correction
    is to write a file or to run a command, `example` holds its text and is printed below the message.

    Example:
        >>> from bench import BadInput, parse_attack
        >>> try:
        ...     parse_attack("PGD-20[step=0]")
        ... except BadInput as error:
        ...     print(error)
        attack 'PGD-20[step=0]': step=0 is not a length above 0, such as 0.25eps or 2/255
    """

    example = ""

    def with_example(self, example: str) -> "BadInput":
        """Attach lines of code or commands that the user can copy; returns the error itself."""
        self.example = example
        return self


class UnknownName(BadInput, KeyError):
    """A name that is not registered. Also a KeyError, as a registry is a mapping."""

    __str__ = ValueError.__str__  # KeyError would print the message in quotes


class Failed(RuntimeError):
    """A training or an evaluation that gave no number. Stored with its reason; never counted as robust or as 0."""


class ProcessLost(Exception):
    """Another process of the same training has ended or cannot train. Nothing is stored, and the command ends."""

    ADVICE = "the same command, with as many processes or another number, goes on after the last finished epoch"

    def __init__(self, reason: str = "another process of the training has ended") -> None:
        super().__init__(reason)

    def __str__(self) -> str:
        return f"{self.args[0]}; {self.ADVICE}"


class AttackWarning(UserWarning):
    """A warning of an attack that its result may be too optimistic: the reason, and for how many images."""

    def __init__(self, reason: str, images: int) -> None:
        super().__init__(reason, images)
        self.reason, self.images = reason, images


class Stopped(KeyboardInterrupt):
    """Ctrl-C where the user has to do something else than repeat the command; the message, one line, says what."""


@contextmanager
def interrupt_advice(advice: str) -> Iterator[None]:
    """Inside the block, Ctrl-C raises Stopped with this advice; a Stopped that has advice already passes unchanged."""
    try:
        yield
    except Stopped:
        raise
    except KeyboardInterrupt as error:
        raise Stopped(advice) from error
