"""Settings of a recipe with their meaning, from its fields and from the source of its classes."""

import ast
import inspect
import io
import textwrap
import tokenize
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bench.core.threats.lengths import Pixels
from bench.report.site.sources import Setting


def settings(value: Any, path: str = "") -> list[Setting]:
    """All fields of a frozen dataclass; fields of an inner dataclass follow the field that has it."""
    hints, notes = get_type_hints(type(value), include_extras=True), comments(type(value))
    found = []
    for f in fields(value):
        inner = getattr(value, f.name)
        if is_dataclass(inner):
            summary = describe_class(type(inner)).partition("\n")[0]
            found.append(Setting(path + f.name, type(inner).__name__, notes[f.name] or summary))
            found += settings(inner, f"{path}{f.name}.")
        else:
            hint = hints[f.name]
            choices = " | ".join(map(str, get_args(hint))) if get_origin(hint) is Literal else ""
            found.append(Setting(path + f.name, format_value(inner, hint), notes[f.name] or choices))
    return found


def format_value(value: object, hint: object) -> str:
    """A value as text; lengths in pixel units also in 1/255."""
    if isinstance(value, tuple):
        inner = Pixels if Pixels in get_args(hint) else None
        return ",".join(format_value(part, inner) for part in value)
    if isinstance(value, float):
        return f"{value:.6g} ({255 * value:.4g}/255)" if hint == Pixels else repr(value)
    return str(value)


def comments(kind: type) -> dict[str, str]:
    """The comment behind each field in the source of its class, by field; empty if there is none."""
    notes: dict[str, str] = {}
    for home in reversed([cls for cls in kind.__mro__ if is_dataclass(cls)]):
        source = textwrap.dedent(inspect.getsource(home))
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        by_line = {token.end[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
        declared = ast.parse(source).body[0]
        for node in ast.iter_child_nodes(declared):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                notes[node.target.id] = by_line.get(node.end_lineno or node.lineno, "")
    return notes


def describe_class(kind: type) -> str:
    """The docstring of a class; empty for the one that Python generates for dataclasses."""
    text = inspect.getdoc(kind) or ""
    return "" if text.startswith(f"{kind.__name__}(") else text


def own_classes(value: Any) -> list[type]:
    """The classes of a recipe and of values inside it, outermost first, without those of bench/."""
    inner = [getattr(value, f.name) for f in fields(value)]
    inside = [cls for part in inner if is_dataclass(part) for cls in own_classes(part)]
    here = [] if type(value).__module__.startswith("bench.") else [type(value)]
    return list(dict.fromkeys([*here, *inside]))


def location(module: ModuleType) -> str:
    """The path of a module's file, relative to the folder of its package."""
    path = Path(inspect.getfile(module))
    return "/".join(path.parts[-module.__name__.count(".") - 1 - (path.stem == "__init__") :])
