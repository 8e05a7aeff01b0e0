"""Which names of a registry a list such as `M2AT*,PGD-AT` or `all` selects."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from bench.core.errors import BadInput, UnknownName


def select_names(
    kind: str, patterns: list[str], names: list[str], look_up: Callable[[str], object], hint: Callable[[str], str]
) -> list[str]:
    """Names that match, in the order of the patterns, without repeats.

    Args:
        kind: what is registered, for messages, such as "attack".
        patterns: `all`, exact names, or globs such as M2AT*.
        names: what `all` and globs select from.
        look_up: raises UnknownName for an exact name that cannot be looked up.
        hint: pattern -> the end of an error message, which says what there is.

    Raises:
        BadInput: nothing matches one of the patterns, or there are none.
    """
    chosen: list[str] = []
    for pattern in patterns:
        if pattern == "all":
            chosen += names
        elif any(c in pattern for c in "*?"):
            matches = [name for name in names if fnmatchcase(name, pattern)]
            if not matches:
                raise UnknownName(f"no {kind} matches {pattern!r}; {hint(pattern)}")
            chosen += matches
        else:
            look_up(pattern)
            chosen.append(pattern)
    if not chosen:
        raise BadInput(f"no {kind} given; {hint('')}")
    return list(dict.fromkeys(chosen))
