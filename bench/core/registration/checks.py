"""Checks of names and items at registration, so that a wrong plug-in is refused before it is used."""

import inspect
import re
from collections.abc import Callable

from bench.core.errors import BadInput
from bench.core.files import NAME_PATTERN

Check = Callable[[str, object], str]  # (name, item) -> what is wrong with the item; an empty text if nothing is


def accept_anything(name: str, item: object) -> str:
    """The check that accepts every item."""
    return ""


def instance_check(kind: type, wanted: str) -> Check:
    """A check that an item is an instance of a class. wanted: end of the message, what is expected."""

    def check(name: str, item: object) -> str:
        if isinstance(item, type) and issubclass(item, kind):
            return f"is the class {item.__name__} itself; register a value of it, such as {item.__name__}()"
        return "" if isinstance(item, kind) else f"is {describe(item)}; {wanted}"

    return check


def function_check(*parameters: str) -> Check:
    """A check that an item can be called with these positional arguments. parameters: their names, for messages."""

    def check(name: str, item: object) -> str:
        form = f"({', '.join(parameters)})"
        if not callable(item):
            return f"is {describe(item)}; it is to be a function {form}"
        try:
            signature = inspect.signature(item)
        except (TypeError, ValueError):  # some built-in functions have none
            return ""
        try:
            signature.bind(*parameters)
        except TypeError as error:
            return f"cannot be called with {form}: {error}"
        return ""

    return check


def describe(item: object) -> str:
    """The first 60 characters of a value's repr, and its type."""
    return f"{repr(item)[:60]}, a {type(item).__name__}"


def check_name(kind: str, name: object, reserved: tuple[str, ...] = ()) -> None:
    """BadInput if a name is not a valid name of a folder on every system, or is reserved."""
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        raise BadInput(
            f"{kind} name {name!r}: up to 100 letters, digits, +, ., _ and - make a name, a letter or digit begins it"
        )
    if name in reserved:
        raise BadInput(f"{kind} name {name!r}: all and none stand for every name and for no name")
