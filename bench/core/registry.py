"""Names of the things a benchmark is made of."""

import difflib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TypeVar

from bench.core.errors import BadInput, UnknownName
from bench.core.registrable import Check, anything, check_name

T = TypeVar("T")
RESERVED = ("all", "none")  # have a meaning of their own in lists of names
MOST = 10  # names in a message
LARGEST_MEMBER = 10**6  # of a family: no attack takes more steps than that


class Registry(Mapping[str, T]):
    """A mapping from names to what is registered: `RECIPES`, `ATTACKS`, `CORRUPTIONS`, `DATASETS`, `MODELS`.

    A name that is unknown raises UnknownName (a BadInput) with the nearest ones; a name that is taken is refused.

    A family is an open set of names such as PGD-1, PGD-2, ...: it answers look-ups and is listed by its pattern.
    The modules of the registry's folder register what is in them: a new file there is all that a new name takes.
    """

    additions = 0  # to all registries of the process: it shows whether a plug-in has registered anything

    def __init__(
        self, kind: str, check: Check = anything, reserved: tuple[str, ...] = RESERVED, folder: str = ""
    ) -> None:
        """check: of every item, as a plug-in may register anything; it sees the name too.

        folder: the package whose modules register items here; they are imported when a name is first looked up.
        """
        self._reserved, self._folder, self._loaded = reserved, folder, not folder
        self.kind = kind
        self._flaw = check
        self._items: dict[str, T] = {}
        self._lazy: dict[str, Callable[[Path], T]] = {}
        self._families: dict[str, Callable[[int], T]] = {}
        self._suffixes: dict[str, Callable[[T], T]] = {}
        self._follows: dict[str, str] = {}
        self._homes: dict[str, str] = {}  # by name, pattern or suffix, the module that registered it

    def add(self, name: str, item: T) -> T:
        """Register an item under a name and return it.

        Raises:
            BadInput: the name is taken or no name, or the item is nothing of this kind.

        Example:
            >>> from bench.core.registry import Registry
            >>> colours = Registry("colour")
            >>> colours.add("red", 0xFF0000)
            16711680
            >>> "red" in colours, list(colours)
            (True, ['red'])
        """
        self._load(_caller())
        self._check(name)
        self._check_item(name, item)
        self._check_free(name)
        self._items[name] = item
        self._note(name, _caller())
        return item

    def add_lazy(self, name: str, read: Callable[[Path], T]) -> None:
        """A name whose item only a folder tells: `read` makes it of that, each time that `look_up` is asked for it."""
        self._load(_caller())
        self._check(name)
        if not callable(read):
            raise BadInput(f"{self.kind} {name!r} is read by a {type(read).__name__}; it is to be a function (folder)")
        self._check_free(name)
        self._lazy[name] = read
        self._note(name, _caller())

    def add_family(self, pattern: str, make: Callable[[int], T]) -> None:
        """Every name that is `pattern` with a whole number >= 1 in the place of its last letter k."""
        self._load(_caller())
        self._check(pattern)
        if not pattern.endswith("k") or not callable(make):
            raise BadInput(f"{self.kind} family {pattern!r}: its pattern ends in k, and a function makes its members")
        taken = [name for name in self._items if re.fullmatch(_family(pattern), name)]
        if pattern in self._families or taken:
            raise BadInput(f"{self.kind} family {pattern!r} is already registered, or hides {taken}")
        self._families[pattern] = make
        self._note(pattern, _caller())

    def add_suffix(self, suffix: str, make: Callable[[T], T], follows: str) -> None:
        """Every registered name with this after it is make(its item). Such names are found, and not listed.

        follows: the names it is meant for, in words.
        """
        self._check(f"x{suffix}")
        if not callable(make):
            raise BadInput(f"{self.kind} suffix {suffix!r} is a {type(make).__name__}; it is to be a function")
        if suffix in self._suffixes:
            raise BadInput(f"{self.kind} suffix {suffix!r} is already registered")
        self._suffixes[suffix] = make
        self._follows[suffix] = follows
        self._note(suffix, _caller())

    def _note(self, name: str, home: str) -> None:
        """Keep which module has registered a name, pattern or suffix."""
        self._homes[name] = home
        Registry.additions += 1

    def __getitem__(self, name: str) -> T:
        self._load()
        return self._find(name)[0]

    def look_up(self, name: str, folder: Path) -> T:
        """The item of a name, made of the folder where the name is of `add_lazy`."""
        self._load()
        return self._lazy[name](folder) if name in self._lazy else self._find(name)[0]

    def homes(self, name: str) -> list[str]:
        """The modules that registered a name: those of its suffixes first."""
        self._load()
        return self._find(name)[1]

    def _load(self, caller: str = "") -> None:
        """Import the modules of the folder, once, unless the caller is one of them, which are importing each other."""
        if self._loaded or caller.startswith(f"{self._folder}."):
            return
        self._loaded = True
        modules = [f"{self._folder}.{found.name}" for found in iter_modules(import_module(self._folder).__path__)]
        for module in modules:
            import_module(module)
        place = {module: number for number, module in enumerate(modules)}  # whichever was imported first
        for name in sorted(self._homes, key=lambda name: place.get(self._homes[name], len(modules))):
            if name in self._items:
                self._items[name] = self._items.pop(name)
            elif name in self._lazy:
                self._lazy[name] = self._lazy.pop(name)

    def _find(self, name: str) -> tuple[T, list[str]]:
        if name in self._items:
            return self._items[name], [self._homes[name]]
        for pattern, make in self._families.items():
            if found := re.fullmatch(_family(pattern), name):
                if len(found[1]) > 7 or int(found[1]) > LARGEST_MEMBER:
                    raise BadInput(f"{self.kind} {name!r}: of {pattern}, k goes up to {LARGEST_MEMBER:,}")
                item = make(int(found[1]))
                self._check_item(name, item)
                return item, [self._homes[pattern]]
        for suffix, change in self._suffixes.items():
            base = name.removesuffix(suffix)
            if base != name and self._has(base) and not base.endswith(suffix):
                item, homes = self._find(base)
                item = change(item)
                self._check_item(name, item)
                return item, [self._homes[suffix], *homes]
        raise UnknownName(f"no {self.kind} named {name!r}; {self._hint(name)}")

    def _check(self, name: str) -> None:
        check_name(self.kind, name)
        if name in self._reserved:
            raise BadInput(f"{self.kind} name {name!r}: all and none stand for every name and for no name")

    def _check_item(self, name: str, item: object) -> None:
        if flaw := self._flaw(name, item):
            raise BadInput(f"{self.kind} {name!r} {flaw}")

    def _hint(self, name: str) -> str:
        known = [*self._items, *self._lazy, *self._families]
        return suggestion(name, known, f"`bench list {self.kind.replace(' ', '')}s`")

    def _check_free(self, name: str) -> None:
        if name in self._lazy or self._has(name):
            home = self._homes[name] if name in self._lazy else self._find(name)[1][0]
            raise BadInput(f"{self.kind} {name!r} is already registered by {home}; choose another name")

    def _has(self, name: str) -> bool:
        try:
            self._find(name)
        except UnknownName:
            return False
        return True

    def __contains__(self, name: object) -> bool:
        self._load()
        return self._has(str(name))

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._items)

    def __len__(self) -> int:
        self._load()
        return len(self._items)

    def listed(self) -> list[str]:
        """Every name, families by their pattern."""
        self._load()
        return [*self._items, *self._lazy, *self._families]

    def suffixes(self) -> list[str]:
        """What each suffix may follow, a line each."""
        self._load()
        return [f"{suffix} may follow {names}" for suffix, names in self._follows.items()]

    def select(self, patterns: list[str]) -> list[str]:
        """Names in the order asked for, without repeats: `all`, exact names, or globs such as M2AT*."""
        self._load()
        chosen: list[str] = []
        for pattern in patterns:
            if pattern == "all":
                chosen += self._items
            elif any(c in pattern for c in "*?"):
                matches = [name for name in self._items if fnmatchcase(name, pattern)]
                if not matches:
                    raise UnknownName(f"no {self.kind} matches {pattern!r}; {self._hint(pattern)}")
                chosen += matches
            else:
                self[pattern]
                chosen.append(pattern)
        if not chosen:
            raise BadInput(f"no {self.kind} given; {self._hint('')}")
        return list(dict.fromkeys(chosen))


def _caller() -> str:
    """The module that called the function that calls this."""
    return str(sys._getframe(2).f_globals["__name__"])


def _family(pattern: str) -> str:
    return re.escape(pattern.removesuffix("k")) + r"([1-9][0-9]*)"


def suggestion(name: str, known: list[str], listing: str = "") -> str:
    """The nearest known names, or all of them; where they are many the first, and what lists them, if anything does."""
    lower = {k.lower(): k for k in known}
    near = [lower[n] for n in difflib.get_close_matches(name.lower(), lower, n=3)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    if len(known) > MOST:
        more = f"known: {', '.join(known[:MOST])} and {len(known) - MOST} more"
        return f"{more}; {listing} names them all" if listing else more
    return f"known: {', '.join(known)}"
