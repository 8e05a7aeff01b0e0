"""Gives the folders of a report's groups short, distinct names."""

from collections.abc import Hashable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple, TypeVar

from bench.report.files import file_name

Key = TypeVar("Key", bound=Hashable)


class Identity(NamedTuple):
    """The words that the name of a group's folder is made of."""

    shown: tuple[str, ...]  # words that are always in the name
    # sets of words that are added, one set after the other, while another group has the same name
    distinguishing_words: tuple[tuple[str, ...], ...] = ()

    def with_word(self, word: str, *distinguishing_words: str) -> "Identity":
        """The identity of a part of the group: one more word, and words that distinguish parts with that word."""
        return Identity((*self.shown, word), (distinguishing_words, *self.distinguishing_words))


def folder_names(groups: Mapping[Key, Identity]) -> dict[Key, str]:
    """Name the folder of each group; names do not depend on the order of the groups.

    All groups have the same number of such sets. From a set only those words are added that not all groups
    of the same name share. Groups that no word distinguishes, such as models whose names differ only in characters
    that file names cannot have, get a hash of the group at the end.
    """
    words = {key: [*group.shown] for key, group in groups.items()}
    for level in range(max((len(group.distinguishing_words) for group in groups.values()), default=0)):
        for alike in _groups_of_equal_name(words):
            shared = set.intersection(*(set(groups[key].distinguishing_words[level]) for key in alike))
            for key in alike:
                words[key] += [word for word in groups[key].distinguishing_words[level] if word not in shared]
    doubtful = {key for alike in _groups_of_equal_name(words) for key in alike}
    hashes = {key: f"-{sha256(repr(key).encode()).hexdigest()[:6]}" for key in doubtful}
    return {key: (file_name(*parts) or "all") + hashes.get(key, "") for key, parts in words.items()}


def _groups_of_equal_name(words: Mapping[Key, list[str]]) -> Iterator[list[Key]]:
    """The groups of two or more keys whose words give the same name."""
    found: dict[str, list[Key]] = {}
    for key, parts in words.items():
        found.setdefault(file_name(*parts), []).append(key)
    yield from (alike for alike in found.values() if len(alike) > 1)
