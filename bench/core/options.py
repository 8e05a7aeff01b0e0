"""Dataclass fields for what a paper leaves open; `--set` chooses other values than the default."""

from dataclasses import Field, field, fields
from typing import Any, TypeVar

T = TypeVar("T")
OPTION = "option"  # in the metadata of such a field


def option(default: T) -> T:
    """A keyword-only dataclass field of a subclass of `Options`, for what a paper leaves open.

    `--set recipe.FIELD=VALUE` changes it. It is part of a run's name only where it is not the default.

    Args:
        default: what the recipe does if nobody chooses; its type is that of the choices.

    Example:
        >>> from dataclasses import dataclass
        >>> from bench import Options, option
        >>> @dataclass(frozen=True)
        ... class Mix(Options):
        ...     alpha: float = 1.0
        ...     per: str = option("batch")
        >>> Mix(), Mix(per="image")
        (Mix(alpha=1.0), Mix(alpha=1.0, per='image'))
    """
    made: T = field(default=default, kw_only=True, repr=False, metadata={OPTION: True})
    return made


def is_option(field: "Field[Any]") -> bool:
    """Whether a field of a dataclass was made by `option`."""
    return OPTION in field.metadata


class Options:
    """Base of dataclasses that have fields made by `option`, such as `Recipe` and `Plan`.

    A subclass is a frozen dataclass like any other. Only its repr differs, which is hashed into the names of runs: it
    shows an option only where the value is not the default, so that adding an option to a recipe renames no run.

    Example:
        >>> from dataclasses import dataclass
        >>> from bench import Options, option
        >>> @dataclass(frozen=True)
        ... class Noise(Options):
        ...     std: float
        ...     clip: bool = option(True)
        >>> Noise(0.1), Noise(0.1, clip=False)
        (Noise(std=0.1), Noise(std=0.1, clip=False))
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__repr__" not in vars(cls):  # or dataclass would write one
            cls.__repr__ = Options.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        shown = [
            f
            for f in fields(self)  # type: ignore[arg-type]
            if f.repr or (is_option(f) and getattr(self, f.name) != f.default)
        ]
        return f"{type(self).__qualname__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"
