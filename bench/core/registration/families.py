"""Names of a registry that follow a pattern: members of families, such as PGD-20 of PGD-k, and names with a suffix."""

import re
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from bench.core.errors import BadInput

T = TypeVar("T")
LARGEST_MEMBER = 10**6  # of a family: no attack takes more steps than that


class Families(Generic[T]):
    """Open sets of names, each a pattern whose final k stands for a whole number from 1 up."""

    def __init__(self, kind: str) -> None:
        """kind: what is registered, for messages, such as "attack"."""
        self.kind = kind
        self._makers: dict[str, Callable[[int], T]] = {}

    @property
    def patterns(self) -> list[str]:
        return list(self._makers)

    def add(self, pattern: str, make: Callable[[int], T], names: Iterable[str]) -> None:
        """Add a family whose members are make(k).

        Raises:
            BadInput: the pattern does not end in k, is taken, or would hide one of these names; `make` is no function.
        """
        if not pattern.endswith("k") or not callable(make):
            raise BadInput(f"{self.kind} family {pattern!r}: its pattern ends in k, and a function makes its members")
        hidden = [name for name in names if _match(pattern, name)]
        if pattern in self._makers or hidden:
            raise BadInput(f"{self.kind} family {pattern!r} is already registered, or hides {hidden}")
        self._makers[pattern] = make

    def find(self, name: str) -> tuple[T, str] | None:
        """The member of a name and its family's pattern, or None. BadInput if its number is above LARGEST_MEMBER."""
        for pattern, make in self._makers.items():
            if found := _match(pattern, name):
                if len(found[1]) > 7 or int(found[1]) > LARGEST_MEMBER:
                    raise BadInput(f"{self.kind} {name!r}: of {pattern}, k goes up to {LARGEST_MEMBER:,}")
                return make(int(found[1])), pattern
        return None


class Suffixes(Generic[T]):
    """Texts that may follow any registered name, and what they change about its item."""

    def __init__(self, kind: str) -> None:
        """kind: what is registered, for messages, such as "attack"."""
        self.kind = kind
        self._changes: dict[str, Callable[[T], T]] = {}
        self._meant_for: dict[str, str] = {}

    def add(self, suffix: str, change: Callable[[T], T], follows: str) -> None:
        """Add a suffix. follows: which names it is meant for. BadInput if it is taken, or `change` is no function."""
        if not callable(change):
            raise BadInput(f"{self.kind} suffix {suffix!r} is a {type(change).__name__}; it is to be a function")
        if suffix in self._changes:
            raise BadInput(f"{self.kind} suffix {suffix!r} is already registered")
        self._changes[suffix] = change
        self._meant_for[suffix] = follows

    def split(self, name: str) -> Iterable[tuple[str, str, Callable[[T], T]]]:
        """Each way to read a name as a base and one suffix: the base, the suffix, and its change of an item."""
        for suffix, change in self._changes.items():
            base = name.removesuffix(suffix)
            if base != name and not base.endswith(suffix):
                yield base, suffix, change

    def texts(self) -> list[str]:
        """One line of text for each suffix: which names it may follow."""
        return [f"{suffix} may follow {names}" for suffix, names in self._meant_for.items()]


def _match(pattern: str, name: str) -> "re.Match[str] | None":
    return re.fullmatch(re.escape(pattern.removesuffix("k")) + r"([1-9][0-9]*)", name)
