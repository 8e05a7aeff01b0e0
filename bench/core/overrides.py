"""`--set plan.lr=0.05`: parse the text and replace one field of a frozen dataclass, which may be nested."""

from dataclasses import fields, is_dataclass, replace
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

from bench.core.errors import BadInput, UnknownName
from bench.core.labels import Share
from bench.core.parsing import LARGEST_NUMBER, parse_number, parse_whole_number
from bench.core.plan import LONG
from bench.core.registration.suggestion import suggestion

T = TypeVar("T")
LARGEST_FLOAT = 3.4e38  # models are trained in fp32, which has no larger ones
TYPE_TEXTS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "a list of numbers such as 0.5,0.75",
}


def override(value: T, path: str, text: str, whole: str = "") -> T:
    """A copy of a dataclass with one field replaced.

    path: dotted name of the field; text: its new value, read as the type of the present one; whole: the setting as
    the user wrote it, for messages.

    Raises:
        BadInput: there is no such field, or the text is not a valid value of it.
    """
    whole = whole or f"{path}={text}"
    name, _, rest = path.partition(".")
    known = [f.name for f in fields(value)] if is_dataclass(value) and not isinstance(value, type) else []
    if name not in known:
        hint = suggestion(name, known) if known else "it is a plain value"
        raise UnknownName(f"--set {whole}: {type(value).__name__} has no field {name!r}; {hint}")
    old, hint = getattr(value, name), get_type_hints(type(value), include_extras=True)[name]
    new = override(old, rest, text, whole) if rest else parse_value(hint, old, text, whole)
    check_value(hint, new, f"--set {whole}")
    return replace(value, **{name: new})  # type: ignore[type-var]  # a dataclass, as it has fields


def check_value(hint: object, value: object, where: str) -> None:
    """BadInput if a value is none of its Literal choices, a negative or too large number, or a share above 1."""
    if isinstance(value, tuple):
        for part in value:
            check_value(get_args(hint)[0], part, where)
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    if choices and value not in choices:
        raise BadInput(f"{where}: {value} is none of {', '.join(map(str, choices))}")
    if isinstance(value, int | float) and not value >= 0:
        raise BadInput(f"{where}: {value:g} is not a number from 0 up")
    if isinstance(value, int | float) and value > LARGEST_FLOAT:
        raise BadInput(f"{where}: {value:g} is beyond {LARGEST_FLOAT:g}, the largest number of single precision")
    if Share in (hint, *get_args(hint)) and isinstance(value, float) and value > 1:
        raise BadInput(f"{where}: {value:g} is not a share, from 0 to 1")


def parse_value(hint: object, old: object, text: str, whole: str) -> object:
    """Read `text` as a value of the type of `old`; numbers may be fractions such as 8/255.

    A field whose type `hint` includes None also reads "none"; if it is None now, its type is the other one in `hint`.

    Raises BadInput where the text is no such value, or the field has fields of its own.
    """
    kinds = get_args(hint) if type(None) in get_args(hint) else ()
    if kinds and text.lower() == "none":
        return None
    if kinds and old is None:
        old = next((kind() for kind in (bool, int) if kind in kinds), 0.0)
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(old, int):
            return parse_whole_number(text, least=-LARGEST_NUMBER)
        if isinstance(old, float):
            return parse_number(text)
        if isinstance(old, tuple):
            return tuple(parse_number(part) for part in text.split(","))
    except (KeyError, ValueError) as error:
        raise BadInput(f"--set {whole}: {text!r} is not {TYPE_TEXTS[type(old)]}") from error
    if isinstance(old, str):
        if not text:
            raise BadInput(f"--set {whole}: nothing stands after =")
        return text
    inner = ", ".join(f.name for f in fields(old)) if is_dataclass(old) else "nothing"
    raise BadInput(f"--set {whole}: set one of its fields instead ({inner})")


def split_setting(setting: str) -> tuple[str, str]:
    """Split `plan.FIELD=VALUE` or `recipe.FIELD=VALUE` into path and text; BadInput for any other form."""
    path, equals, text = setting.partition("=")
    if setting != LONG and (not equals or not path.startswith(("plan.", "recipe."))):
        raise BadInput(f"--set {setting}: the form is plan.FIELD=VALUE, recipe.FIELD=VALUE or {LONG}")
    return path, text
