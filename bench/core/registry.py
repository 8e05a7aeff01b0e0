"""Registries: mappings from names to recipes, attacks, corruptions, data sets, models and so on."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from bench.core.errors import BadInput, UnknownName
from bench.core.registration.checks import Check, accept_anything, check_name
from bench.core.registration.families import Families, Suffixes
from bench.core.registration.homes import Homes, calling_module, import_modules
from bench.core.registration.selection import select_names
from bench.core.registration.suggestion import suggestion

T = TypeVar("T")
RESERVED_NAMES = ("all", "none")  # have a meaning of their own in lists of names


class Registry(Mapping[str, T]):
    """A mapping from names to what is registered: `RECIPES`, `ATTACKS`, `CORRUPTIONS`, `DATASETS`, `MODELS`.

    Looking up an unknown name raises UnknownName (a BadInput) that suggests the nearest names; registering a name
    twice raises BadInput.

    A family is an open set of names such as PGD-1, PGD-2, ...: each can be looked up; lists show the pattern PGD-k.
    All modules of `folder` are imported at the first look-up, so a file in that folder can register names without
    being mentioned anywhere else.
    """

    def __init__(
        self,
        kind: str,
        check: Check = accept_anything,
        reserved: tuple[str, ...] = RESERVED_NAMES,
        folder: str = "",
    ) -> None:
        """Make an empty registry.

        Args:
            kind: what is registered, for messages, such as "attack".
            check: (name, item) -> what is wrong with the item, or an empty text; called for every item.
            reserved: names that cannot be registered.
            folder: dotted name of the package whose modules register items here.
        """
        self._reserved, self._folder, self._loaded = reserved, folder, not folder
        self.kind = kind
        self._flaw = check
        self._items: dict[str, T] = {}
        self._lazy: dict[str, Callable[[Path], T]] = {}
        self._families: Families[T] = Families(kind)
        self._suffixes: Suffixes[T] = Suffixes(kind)
        self._homes = Homes()

    def add(self, name: str, item: T, meaning: str = "") -> T:
        """Register an item under a name and return it.

        meaning: a line for `bench list`; by default what the item's documentation begins with.

        Raises:
            BadInput: the name is taken or invalid, or `check` refuses the item.

        Example:
            >>> from bench.core.registry import Registry
            >>> colours = Registry("colour")
            >>> colours.add("red", 0xFF0000)
            16711680
            >>> "red" in colours, list(colours)
            (True, ['red'])
        """
        self._load(calling_module())
        check_name(self.kind, name, self._reserved)
        self._check_item(name, item)
        self._check_free(name)
        self._items[name] = item
        self._homes.record(name, calling_module(), meaning)
        return item

    def add_lazy(self, name: str, read: Callable[[Path], T]) -> None:
        """Register a name whose item depends on a folder: `look_up(name, folder)` is read(folder). Raises as `add`."""
        self._load(calling_module())
        check_name(self.kind, name, self._reserved)
        if not callable(read):
            raise BadInput(f"{self.kind} {name!r} is read by a {type(read).__name__}; it is to be a function (folder)")
        self._check_free(name)
        self._lazy[name] = read
        self._homes.record(name, calling_module())

    def add_family(self, pattern: str, make: Callable[[int], T], meaning: str = "") -> None:
        """Register every name that is `pattern` with a whole number n >= 1 for its final k; its item is make(n).

        BadInput if the pattern does not end in k, is taken, or hides a registered name, or `make` is no function.
        """
        self._load(calling_module())
        check_name(self.kind, pattern, self._reserved)
        self._families.add(pattern, make, self._items)
        self._homes.record(pattern, calling_module(), meaning)

    def add_suffix(self, suffix: str, make: Callable[[T], T], follows: str) -> None:
        """Let NAME + suffix be looked up for every registered NAME: its item is make(item of NAME). Lists leave it out.

        follows: which names it is meant for, as text for users.

        BadInput if the suffix is taken or invalid, or `make` is no function.
        """
        check_name(self.kind, f"x{suffix}", self._reserved)
        self._suffixes.add(suffix, make, follows)
        self._homes.record(suffix, calling_module())

    def __getitem__(self, name: str) -> T:
        self._load()
        return self._find(name)[0]

    def __contains__(self, name: object) -> bool:
        self._load()
        return self._has(str(name))

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._items)

    def __len__(self) -> int:
        self._load()
        return len(self._items)

    def look_up(self, name: str, folder: Path) -> T:
        """The item of a name; for a name of `add_lazy` it is read from the folder."""
        self._load()
        return self._lazy[name](folder) if name in self._lazy else self._find(name)[0]

    def meaning(self, name: str) -> str:
        """The line that a name or a pattern was registered with; empty where there was none."""
        self._load()
        return self._homes.meaning(name)

    def home(self, name: str) -> str:
        """The module that registered a name, a lazy one, or a pattern."""
        self._load()
        return self._homes.module(name)

    def all_homes(self) -> set[str]:
        """The modules that have registered a name, a pattern or a suffix."""
        self._load()
        return self._homes.modules()

    def homes(self, name: str) -> list[str]:
        """Dotted names of the modules that registered a name and its suffixes, those of the suffixes first."""
        self._load()
        return self._find(name)[1]

    def all_names(self) -> list[str]:
        """All names in the order of registration, and the patterns of families; no suffixes."""
        self._load()
        return [*self._items, *self._lazy, *self._families.patterns]

    def suffixes(self) -> list[str]:
        """One line of text for each suffix: which names it may follow."""
        self._load()
        return self._suffixes.texts()

    def select(self, patterns: list[str]) -> list[str]:
        """Names that match, in the order of the patterns, without repeats.

        patterns: `all`, exact names, or globs such as M2AT*.

        Raises:
            BadInput: nothing matches one of them, or there are none.
        """
        self._load()
        return select_names(self.kind, patterns, [*self._items], self.__getitem__, self._hint)

    def _load(self, caller: str = "") -> None:
        """Import the modules of the folder, once; not if the caller is one of them, which would import in a circle."""
        if self._loaded or caller.startswith(f"{self._folder}."):
            return
        self._loaded = True
        modules = import_modules(self._folder)
        for name in self._homes.sorted_by_module(modules):  # lists do not depend on which module came first
            if name in self._items:
                self._items[name] = self._items.pop(name)
            elif name in self._lazy:
                self._lazy[name] = self._lazy.pop(name)

    def _find(self, name: str) -> tuple[T, list[str]]:
        """The item of a name, and the modules that registered it and its suffixes."""
        if name in self._items:
            return self._items[name], [self._homes.module(name)]
        if found := self._families.find(name):
            item, pattern = found
            self._check_item(name, item)
            return item, [self._homes.module(pattern)]
        for base, suffix, change in self._suffixes.split(name):
            if self._has(base):
                item, homes = self._find(base)
                item = change(item)
                self._check_item(name, item)
                return item, [self._homes.module(suffix), *homes]
        raise UnknownName(f"no {self.kind} named {name!r}; {self._hint(name)}")

    def _has(self, name: str) -> bool:
        try:
            self._find(name)
        except UnknownName:
            return False
        return True

    def _check_item(self, name: str, item: object) -> None:
        if flaw := self._flaw(name, item):
            raise BadInput(f"{self.kind} {name!r} {flaw}")

    def _check_free(self, name: str) -> None:
        if name in self._lazy or self._has(name):
            home = self._homes.module(name) if name in self._lazy else self._find(name)[1][0]
            raise BadInput(f"{self.kind} {name!r} is already registered by {home}; choose another name")

    def _hint(self, name: str) -> str:
        known = [*self._items, *self._lazy, *self._families.patterns]
        return suggestion(name, known, f"`bench list {self.kind.replace(' ', '')}s`")
