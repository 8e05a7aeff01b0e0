"""Plug-ins: installed entry points of the group `bench.plugins` (`methods` is one), Python files and modules.

Importing a plug-in registers names in RECIPES, ATTACKS, MODELS, DATASETS or another registry.
"""

import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType

from bench.core.errors import BadInput
from bench.core.foreign.guard import guarded_call
from bench.core.foreign.messages import format_error
from bench.core.registration.homes import Homes

_inside: set[str] = set()  # modules that this process has imported from entry points
_outside: list[str] = []  # FILEs and MODULEs that were imported, in order
_files: dict[str, ModuleType] = {}  # by path, the files that were imported


def load_plugins(plugins: Sequence[str] = ()) -> None:
    """Import every installed plug-in, then these FILEs and MODULEs, each once a process.

    Raises:
        BadInput: a plug-in is missing, raises, or registers nothing; the message names it.
    """
    for entry in entry_points(group="bench.plugins"):
        if entry.module not in _inside:
            _enter(f"the installed package {_package(entry)} (entry point {entry.name} = {entry.value})", entry.load)
            _inside.add(entry.module)
    for plugin in plugins:
        path, dotted = Path(plugin), all(part.isidentifier() for part in plugin.split("."))
        if path.suffix == ".py" or path.is_file() or not dotted:
            load_file(path)
        elif plugin not in (*_inside, *_outside):
            _register(plugin, partial(_enter, f"plug-in {plugin}", partial(import_module, plugin)))
            _outside.append(plugin)


def load_file(path: Path) -> None:
    """Import a Python file that registers something, once a process. Raises BadInput as `load_plugins` does."""
    place = str(path.resolve())
    if place in _outside:
        return
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "is not there"
        raise BadInput(f"plug-in {path} {state}; name a Python file, or a module that Python finds")
    _register(str(path), partial(import_file, path, f"plug-in {path}"))
    _outside.append(place)


def import_file(path: Path, what: str) -> ModuleType:
    """Run a Python file as a module whose name depends on its path alone.

    Worker processes so use the same name, and objects of its classes can be pickled to them after a `PluginReload`.

    Raises:
        BadInput: the file is not Python or raises; the message begins with `what`.
    """
    place = str(path.resolve())
    _files[place] = _run_file(_module_name(place), place, what)
    return _files[place]


def model_files() -> list[ModuleType]:
    """The modules of Python files that this process has imported for a model alone, and not as plug-ins."""
    return [module for place, module in _files.items() if place not in _outside]


def _module_name(place: str) -> str:
    """The name of the module of a file, by its path."""
    stem = re.sub(r"[^a-z0-9]", "_", Path(place).stem.lower())
    return f"plugin_{stem}_{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def _run_file(name: str, place: str, what: str) -> ModuleType:
    loader = SourceFileLoader(name, place)
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    code = partial(loader.source_to_code, loader.get_data(place), place)
    _enter(what, lambda: exec(code(), module.__dict__), place)  # a stale .pyc would hide an edit of the same second
    return module


class PluginReload:
    """An object that, when it is unpickled in another process, imports the plug-ins of this process there.

    It must be pickled before objects of the plug-ins' classes, as a pickle is read from front to back.
    """

    def __reduce__(self) -> tuple[Callable[[Sequence[str]], None], tuple[Sequence[str]]]:
        return load_plugins, (tuple(_outside),)


class TravellingPlugins:
    """As `PluginReload`, for another machine: the text of each FILE goes with it. A MODULE is to be installed there."""

    def __reduce__(self) -> tuple[Callable[[Sequence[tuple[str, bytes | None]]], None], tuple[object, ...]]:
        texts = [(place, Path(place).read_bytes() if Path(place).is_absolute() else None) for place in _outside]
        return load_travelled, (tuple(texts),)


def load_travelled(plugins: Sequence[tuple[str, bytes | None]]) -> None:
    """Import plug-ins that another machine has imported, each once a process.

    Args:
        plugins: the path of a file there and its text, or the name of a module and None.

    Raises:
        BadInput: a plug-in raises, or a module is not installed here.
    """
    load_plugins([plugin for plugin, text in plugins if text is None])
    for place, text in plugins:
        if text is None or place in _outside:
            continue
        copy = Path(mkdtemp(prefix="bench-plugin-")) / Path(place).name  # kept, as tracebacks and `inspect` read it
        copy.write_bytes(text)
        _register(place, partial(_run_file, _module_name(place), str(copy), f"plug-in {place}"))
        _outside.append(place)


def has_plugins() -> bool:
    """Whether this process has imported a FILE or MODULE."""
    return bool(_outside)


def _register(plugin: str, load: Callable[[], object]) -> None:
    """Import a plug-in; BadInput if it adds no name to any registry."""
    before = Homes.additions
    load()
    if Homes.additions == before:
        raise BadInput(f'plug-in {plugin} registers nothing; it is to end in a line such as RECIPES.add("Name", ...)')


def _enter(what: str, load: Callable[[], object], home: str = "") -> None:
    """Import code; whatever it raises becomes BadInput with one line that begins with `what`."""
    try:
        with guarded_call():
            load()
    except SyntaxError as error:
        place = f" ({error.filename}:{error.lineno})" if error.lineno else ""
        raise BadInput(f"{what} is not Python: {error.msg}{place}") from error
    except Exception as error:  # a plug-in's code may raise anything
        raise BadInput(f"{what} cannot be imported, {format_error(error, home)}") from error


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "of unknown name"
