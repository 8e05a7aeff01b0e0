"""What may be registered under a name: checks of things that plug-ins bring, before anything is done with them."""

import inspect
import re
from collections.abc import Callable

from bench.core.errors import BadInput
from bench.core.files import NAME

Check = Callable[[str, object], str]  # name, item -> what keeps the item from being one, or nothing


def anything(name: str, item: object) -> str:
    """The check that refuses nothing."""
    return ""


def an_instance_of(kind: type, wanted: str) -> Check:
    """A check for values of a class. wanted: in words, which a message ends with."""

    def check(name: str, item: object) -> str:
        if isinstance(item, type) and issubclass(item, kind):
            return f"is the class {item.__name__} itself; register a value of it, such as {item.__name__}()"
        return "" if isinstance(item, kind) else f"is {describe(item)}; {wanted}"

    return check


def a_function_of(*parameters: str) -> Check:
    """A check for what can be called with so many positional arguments. parameters: their names, for messages."""

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
    """A value and its type, short."""
    return f"{repr(item)[:60]}, a {type(item).__name__}"


def check_name(kind: str, name: object) -> None:
    """BadInput where a name cannot be a folder on every system, or stand in a list of names."""
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise BadInput(
            f"{kind} name {name!r}: up to 100 letters, digits, +, ., _ and - make a name, a letter or digit begins it"
        )
