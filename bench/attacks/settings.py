"""The settings of an attack: the keywords of its function, read from text."""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from bench.core.errors import BadInput
from bench.core.parsing import LARGEST_NUMBER, parse_number, parse_whole_number, split_last
from bench.core.registration.checks import function_check

Setting = bool | int | float | str
Positive = Annotated[float, "above 0"]  # other fractional numbers may be 0
Share = Annotated[float, "above 0 and below 1"]
# settings that came later: at their default they are in no params and no key, so that older rows keep both
OMITTED_AT_DEFAULT = "left out at its default"
Eot = Annotated[int, OMITTED_AT_DEFAULT]  # passes of which a gradient is the mean
TYPE_TEXTS = {
    bool: "true or false",
    int: f"a whole number up to {LARGEST_NUMBER:,}",
    float: "a number",
}


def check_attack(name: str, attack: object) -> str:
    """What is wrong with an attack or its name; empty if nothing is. The check of `ATTACKS`."""
    if split_last(name)[1]:
        return "ends in .last, which asks for the last iterate of the attack before it; choose another name"
    if flaw := function_check("model", "x", "y", "threat")(name, attack):
        return flaw
    if odd := [key for key, value in defaults(attack).items() if not isinstance(value, Setting)]:
        return f"has the setting {odd[0]}={defaults(attack)[odd[0]]!r}; settings are numbers, texts, true or false"
    return ""


def defaults(attack: Any) -> dict[str, Setting]:
    """All settings of an attack (a function or a partial of one) and their values."""
    parameters: Mapping[str, inspect.Parameter] = inspect.signature(attack).parameters
    return {p.name: p.default for p in parameters.values() if p.kind is p.KEYWORD_ONLY}


def without_later(attack: Any, settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """The settings without those marked as OMITTED_AT_DEFAULT in the attack's signature that have their default."""
    parameters = inspect.signature(attack).parameters.values()
    idle = {
        p.name for p in parameters if OMITTED_AT_DEFAULT in get_args(p.annotation) and settings.get(p.name) == p.default
    }
    return {key: value for key, value in settings.items() if key not in idle}


def parse_setting(attack: Any, where: str, key: str, text: str, default: Setting) -> Setting:
    """Read `text` as the value of a setting; BadInput, beginning with `where`, if it is not one."""
    value = _parse_value(where, key, text, default)
    hint = inspect.signature(attack, eval_str=True).parameters[key].annotation
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    if choices and value not in choices:
        raise BadInput(f"{where}: {key}={value} is none of {', '.join(map(str, choices))}")
    if isinstance(value, float):
        range_text = "above 0 and below 1" if hint is Share else "above 0" if hint is Positive else "from 0 up"
        if not (0 < value < (1 if hint is Share else float("inf")) or (value == 0 and hint not in (Share, Positive))):
            raise BadInput(f"{where}: {key}={value:g} is not a number {range_text}")
    if type(value) is int and value < 1:
        raise BadInput(f"{where}: {key}={value} is below 1")
    return value


def _parse_value(where: str, key: str, text: str, default: Setting) -> Setting:
    if key == "step":
        try:
            return canonical_step(text)
        except ValueError as error:
            raise BadInput(f"{where}: step={text} is not a length above 0, such as 0.25eps or 2/255") from error
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(default, int):
            return parse_whole_number(text, least=-LARGEST_NUMBER)
        return parse_number(text) if isinstance(default, float) else text
    except (KeyError, ValueError) as error:
        raise BadInput(f"{where}: {key}={text} is not {TYPE_TEXTS[type(default)]}") from error


def canonical_step(text: str) -> str:
    """Normalise the text of a step length: `0.25eps`, a share of eps, or `2/255` and `0.0078`, in pixel units.

    ValueError if it is not a number above 0.
    """
    length = parse_number(text.removesuffix("eps"))
    if not 0 < length < float("inf"):
        raise ValueError("a step is longer than 0")
    return f"{length!r}eps" if text.endswith("eps") else repr(length)


def step_length(step: str, eps: float) -> float:
    """The length in pixel units of a step such as `0.25eps` or `0.0078`."""
    return float(step.removesuffix("eps")) * (eps if step.endswith("eps") else 1.0)
