"""From whatever somebody's code raises to one line that says what, where and in whose code."""

import contextlib
import importlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.core.errors import BadInput, Failed
from bench.core.foreign.guard import Quit, guarded_call, is_out_of_memory

MACHINERY = (  # what stands between a command and somebody's code
    "<",
    contextlib.__file__,
    *(str(Path(__file__).with_name(name)) for name in ("guard.py", "plugins.py")),
    str(Path(importlib.__file__).parent),
)


def format_error(error: BaseException, home: str = "") -> str:
    """Type, message and file:line of what somebody's code raised, on one line.

    home: their file; the last line in it is the one to mend, whatever it called.
    """
    if isinstance(error, Quit) and error.__cause__ is not None:
        error = error.__cause__
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(MACHINERY)]
    frames = [f for f in frames if f.filename == home] or frames
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    kind = "" if isinstance(error, BadInput) else f"{type(error).__name__}: "
    return f"{kind}{' '.join(str(error).split())}{place}"


def home_of(author: object) -> str:
    """The file of an object's class; empty for what is built in."""
    if author is None:
        return ""
    return getattr(sys.modules[type(author).__module__], "__file__", None) or ""


@contextmanager
def errors_blamed_on(what: str, author: object = None) -> Iterator[None]:
    """Inside the block an object of somebody's class is at work; what it raises is one line that begins with `what`.

    BadInput, but for Failed, which stays. author: the recipe; None where it is the code of something else.
    """
    try:
        with guarded_call():
            yield
    except Failed:
        raise
    except BadInput as error:
        raise BadInput(f"{what}: {error}") from error
    except Exception as error:  # anybody's code may raise anything
        said = format_error(error, home_of(author))
        remedy = "; `bench check FILE.py` tests a method of yours" if author is not None else ""
        raise BadInput(f"{what} raised {said}{remedy}") from error


@contextmanager
def blamed_on_reader(what: str) -> Iterator[None]:
    """Inside the block somebody's code reads a data set. BadInput that begins with `what` where it raises.

    BadInput and OSError of its own stay: they name the file.
    """
    try:
        with guarded_call():
            yield
    except (BadInput, OSError):
        raise
    except Exception as error:  # anybody's code may raise anything
        if is_out_of_memory(error):
            raise BadInput(f"no memory left to read {what}; --limit-train reads fewer training images") from error
        raise BadInput(f"{what} cannot be read, {format_error(error)}") from error


@contextmanager
def blamed_on_model() -> Iterator[None]:
    """Inside the block somebody's model is at work. Failed, in one line, where it raises; BadInput stays."""
    try:
        with guarded_call():
            yield
    except (BadInput, Failed):
        raise
    except Exception as error:  # anybody's code may raise anything
        if is_out_of_memory(error):
            raise
        raise Failed(f"the model raised {format_error(error)}") from error


@contextmanager
def refused_model() -> Iterator[None]:
    """Inside the block a model is looked at before anything is measured. BadInput, in one line, where it raises."""
    try:
        with blamed_on_model():
            yield
    except Failed as error:
        raise BadInput(str(error)) from error
    except (MemoryError, RuntimeError) as error:
        raise BadInput("no memory left to run the model; give a larger --device, or a smaller model") from error


@contextmanager
def failed_cell() -> Iterator[None]:
    """Inside the block one cell is measured. Whatever keeps it from a number is Failed, so that others go on."""
    try:
        yield
    except BadInput as error:
        raise Failed(str(error)) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise Failed("no memory left to judge it; try a smaller --batch-size") from error
