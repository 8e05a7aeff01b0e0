"""Facts that are read off the code of recipes, attacks and data sets, kept on the disk, as that code imports torch.

They depend on the files of `bench` and `methods`, and on what is installed beside them, so each is found once for each
state of these. Nothing is kept of plug-ins, whose code lies anywhere.
"""

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from bench.core.files import expand_home, read_json, write_json
from bench.core.foreign.plugins import has_plugins

PACKAGES = ("bench", "methods")
MAX_STATES = 4  # states of the code of which facts are kept


class Fact(NamedTuple):
    """A JSON value, and the dotted names of the modules that it was read off."""

    value: Any
    homes: Iterable[str]


def recall(kind: str, name: str, find: Callable[[], Fact]) -> Any:
    """The value of a fact: the one that is kept, or the one of `find`, which is then kept.

    A process that has torch already asks `find`, which is then quick and knows what this process has registered.

    Args:
        kind: what is asked, a word that is valid in a file name.
        name: of what it is asked; any text.
    """
    folder = facts_folder()
    path = folder / f"{kind}-{sha256(name.encode()).hexdigest()[:16]}.json" if folder else None
    if path and not has_plugins() and "torch" not in sys.modules:
        with suppress(OSError, ValueError):
            return read_json(path)
    fact = find()
    if path and not has_plugins() and all(home.partition(".")[0] in PACKAGES for home in fact.homes):
        with suppress(OSError):  # a home that cannot be written to costs time alone
            _keep(path, fact.value)
    return fact.value


@cache
def facts_folder() -> Path | None:
    """The folder of the facts of the code as it is now; None if an installed plug-in may change them."""
    if any(entry.value.partition(".")[0] not in PACKAGES for entry in entry_points(group="bench.plugins")):
        return None
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return expand_home(home) / "bench-facts" / _code_digest()


def _code_digest() -> str:
    """A text that changes with the code, the version of Python, and the packages that are installed."""
    digest = sha256(f"{sys.version} {Path(sysconfig.get_path('purelib')).stat().st_mtime_ns}".encode())
    for package in PACKAGES:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(f"\n{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _keep(path: Path, value: object) -> None:
    if path.exists():
        return
    if not path.parent.exists():
        states = sorted(path.parent.parent.glob("*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
        for old in states[MAX_STATES - 1 :]:
            shutil.rmtree(old, ignore_errors=True)
    write_json(path, value)
