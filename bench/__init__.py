"""The vocabulary that recipe, attack and analysis code is written in; each name is imported when first used.

Which names there are, and where each comes from, is said in `__init__.pyi` alone, for this file and for type checkers.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.core.version import __version__ as __version__

_HOME = {  # public name: its file
    alias.name: str(line.module)
    for line in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(line, ast.ImportFrom)
    for alias in line.names
}
__all__ = sorted(_HOME.keys() - {"__version__"})


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
