"""Where the names of a registry come from: the modules of its folder, and which module registered which name."""

import sys
from importlib import import_module
from pkgutil import iter_modules


class Homes:
    """By name, pattern or suffix of one registry: the module that registered it, and what it means."""

    additions = 0  # number of names added to all registries of the process; tells whether a plug-in has registered one

    def __init__(self) -> None:
        self._modules: dict[str, str] = {}
        self._meanings: dict[str, str] = {}

    def record(self, name: str, module: str, meaning: str = "") -> None:
        """Record which module registers a name, pattern or suffix, and what it means."""
        self._modules[name] = module
        self._meanings[name] = meaning
        Homes.additions += 1

    def module(self, name: str) -> str:
        """The module that registered a name, pattern or suffix. KeyError if none has."""
        return self._modules[name]

    def modules(self) -> set[str]:
        """All modules that have registered something."""
        return set(self._modules.values())

    def meaning(self, name: str) -> str:
        """The line that a name or a pattern was registered with; empty where there was none."""
        return self._meanings.get(name, "")

    def sorted_by_module(self, modules: list[str]) -> list[str]:
        """All names, those of the first of these modules first and those of other modules last."""
        place = {module: number for number, module in enumerate(modules)}
        return sorted(self._modules, key=lambda name: place.get(self._modules[name], len(modules)))


def import_modules(folder: str) -> list[str]:
    """Import all modules of a package, given by its dotted name; their dotted names in the order of the alphabet."""
    modules = [f"{folder}.{found.name}" for found in iter_modules(import_module(folder).__path__)]
    for module in modules:
        import_module(module)
    return modules


def calling_module() -> str:
    """The module that called the function that calls this."""
    return str(sys._getframe(2).f_globals["__name__"])
