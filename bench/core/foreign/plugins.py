"""How recipes get in from outside: installed `bench.plugins` entry points (our own among them), files and modules.

What is imported adds to a registry: `from bench import RECIPES`, or ATTACKS, MODELS, DATASETS.
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
from types import ModuleType

from bench.core.errors import BadInput
from bench.core.foreign.guard import guarded_call
from bench.core.foreign.messages import format_error
from bench.core.registry import Registry

_inside: set[str] = set()  # modules that this process has from entry points
_outside: list[str] = []  # FILEs and MODULEs, in the order asked for


def load_plugins(plugins: Sequence[str] = ()) -> None:
    """Import every installed plug-in, then these FILEs and MODULEs. What is there already is not imported again.

    BadInput names the plug-in that is missing, raises, or registers nothing.
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
    """Import a Python file that registers something. BadInput as of `load_plugins`."""
    place = str(path.resolve())
    if place in _outside:
        return
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "is not there"
        raise BadInput(f"plug-in {path} {state}; name a Python file, or a module that Python finds")
    _register(str(path), partial(import_file, path, f"plug-in {path}"))
    _outside.append(place)


def import_file(path: Path, what: str) -> ModuleType:
    """Run a Python file as a module under a name that depends on its path alone, as a pool's processes agree on it.

    Objects of its classes can so be pickled to them; what carries them is to be pickled after an `PluginReload`.
    BadInput, beginning with `what`, where it is not Python or raises.
    """
    place = str(path.resolve())
    name = f"plugin_{re.sub(r'[^a-z0-9]', '_', path.stem.lower())}_{hashlib.sha256(place.encode()).hexdigest()[:8]}"
    loader = SourceFileLoader(name, place)
    spec = spec_from_loader(name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    code = partial(loader.source_to_code, loader.get_data(place), place)
    _enter(what, lambda: exec(code(), module.__dict__), place)  # a stale .pyc would hide an edit of the same second
    return module


class PluginReload:
    """The FILEs and MODULEs of this process. Unpickled in another, it imports them there.

    Put it before whatever may hold objects of their classes: a pickle is read from front to back.
    """

    def __reduce__(self) -> tuple[Callable[[Sequence[str]], None], tuple[Sequence[str]]]:
        return load_plugins, (tuple(_outside),)


def has_plugins() -> bool:
    """Whether this process has loaded anybody's FILE or MODULE."""
    return bool(_outside)


def _register(plugin: str, load: Callable[[], object]) -> None:
    """Import a plug-in that must add a name to some registry."""
    before = Registry.additions
    load()
    if Registry.additions == before:
        raise BadInput(f'plug-in {plugin} registers nothing; it is to end in a line such as RECIPES.add("Name", ...)')


def _enter(what: str, load: Callable[[], object], home: str = "") -> None:
    """Import somebody's code. Whatever it raises is one line."""
    try:
        with guarded_call():
            load()
    except SyntaxError as error:
        place = f" ({error.filename}:{error.lineno})" if error.lineno else ""
        raise BadInput(f"{what} is not Python: {error.msg}{place}") from error
    except Exception as error:  # anybody's code may raise anything
        raise BadInput(f"{what} cannot be imported, {format_error(error, home)}") from error


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "of unknown name"
