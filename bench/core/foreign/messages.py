"""Turn exceptions of code that is not ours into one-line errors that say what was raised, where and in whose code."""

import contextlib
import importlib
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.core.errors import BadInput, Failed
from bench.core.foreign.guard import Quit, guarded_call, is_out_of_memory

HIDDEN_FRAMES = (  # files whose stack frames are left out of messages
    "<",
    contextlib.__file__,
    *(str(Path(__file__).with_name(name)) for name in ("guard.py", "plugins.py")),
    str(Path(importlib.__file__).parent),
)


def format_error(error: BaseException, home: str = "") -> str:
    """Type, message and file:line of an exception, on one line.

    home: the author's file; the location is the last frame in it, or the last frame of all if there is none.
    """
    if isinstance(error, Quit) and error.__cause__ is not None:
        error = error.__cause__
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(HIDDEN_FRAMES)]
    frames = [f for f in frames if f.filename == home] or frames
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    kind = "" if isinstance(error, BadInput) else f"{type(error).__name__}: "
    return f"{kind}{' '.join(str(error).split())}{place}"


def home_of(author: object) -> str:
    """Path of the file that defines an object's class; empty for None and for built-in classes."""
    if author is None:
        return ""
    return getattr(sys.modules[type(author).__module__], "__file__", None) or ""


@contextmanager
def errors_as_bad_input(what: str, author: object = None) -> Iterator[None]:
    """Inside the block any exception becomes BadInput with one line that begins with `what`; Failed passes unchanged.

    author: the recipe whose code runs in the block; None if it is no recipe.
    """
    try:
        with guarded_call():
            yield
    except Failed:
        raise
    except BadInput as error:
        raise BadInput(f"{what}: {error}") from error
    except Exception as error:  # a plug-in's code may raise anything
        reason = format_error(error, home_of(author))
        remedy = "; `bench check FILE.py` tests a method of yours" if author is not None else ""
        raise BadInput(f"{what} raised {reason}{remedy}") from error


@contextmanager
def reader_errors_as_bad_input(what: str) -> Iterator[None]:
    """Inside the block a data set is read; exceptions become BadInput with one line that begins with `what`.

    BadInput and OSError pass unchanged, as they name the file. torch is not imported for it.
    """
    try:
        with guarded_call(of_torch=False):
            yield
    except (BadInput, OSError):
        raise
    except Exception as error:  # a plug-in's code may raise anything
        if is_out_of_memory(error):
            raise BadInput(f"no memory left to read {what}; --limit-train reads fewer training images") from error
        raise BadInput(f"{what} cannot be read, {format_error(error)}") from error


@contextmanager
def model_errors_as_failed() -> Iterator[None]:
    """Inside the block a model is called; its exceptions become Failed, one line. BadInput and lack of memory pass."""
    try:
        with guarded_call():
            yield
    except (BadInput, Failed):
        raise
    except Exception as error:  # a plug-in's code may raise anything
        if is_out_of_memory(error):
            raise
        raise Failed(f"the model raised {format_error(error)}") from error


@contextmanager
def model_errors_as_bad_input() -> Iterator[None]:
    """Inside the block a model is called before anything is measured; all its exceptions become BadInput, one line."""
    try:
        with model_errors_as_failed():
            yield
    except Failed as error:
        raise BadInput(str(error)) from error
    except (MemoryError, RuntimeError) as error:
        raise BadInput("no memory left to run the model; give a larger --device, or a smaller model") from error


@contextmanager
def cell_errors_as_failed() -> Iterator[None]:
    """Inside the block one cell is measured; BadInput and lack of memory become Failed, so that other cells go on."""
    try:
        yield
    except BadInput as error:
        raise Failed(str(error)) from error
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise Failed("no memory left to evaluate it; try a smaller --batch-size") from error
