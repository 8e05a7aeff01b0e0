"""A folder for each group of a report, by a short name that two groups never share."""

from collections.abc import Hashable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple, TypeVar

from bench.report.files import file_name

Key = TypeVar("Key", bound=Hashable)


class Identity(NamedTuple):
    """What a group's folder is called after."""

    shown: tuple[str, ...]  # words that are in its name
    telling: tuple[tuple[str, ...], ...] = ()  # words that join it, set by set, where another group has the same name

    def narrowed(self, word: str, *telling: str) -> "Identity":
        """Of a part of the group: with one more word in the name, and words that tell parts of that name apart."""
        return Identity((*self.shown, word), (telling, *self.telling))


def folder_names(groups: Mapping[Key, Identity]) -> dict[Key, str]:
    """The name of each group's folder, whatever the order of the groups. All have as many sets of telling words.

    Of a set those words alone join a name that not all groups of this name have. What no word tells apart, such as two
    models whose names differ in letters that a file cannot have, has a hash of the group at its end.
    """
    words = {key: [*group.shown] for key, group in groups.items()}
    for level in range(max((len(group.telling) for group in groups.values()), default=0)):
        for alike in _of_one_name(words):
            shared = set.intersection(*(set(groups[key].telling[level]) for key in alike))
            for key in alike:
                words[key] += [word for word in groups[key].telling[level] if word not in shared]
    doubtful = {key for alike in _of_one_name(words) for key in alike}
    hashes = {key: f"-{sha256(repr(key).encode()).hexdigest()[:6]}" for key in doubtful}
    return {key: (file_name(*parts) or "all") + hashes.get(key, "") for key, parts in words.items()}


def _of_one_name(words: Mapping[Key, list[str]]) -> Iterator[list[Key]]:
    """Groups, two or more, that would have the same name."""
    found: dict[str, list[Key]] = {}
    for key, parts in words.items():
        found.setdefault(file_name(*parts), []).append(key)
    yield from (alike for alike in found.values() if len(alike) > 1)
