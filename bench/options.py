"""Fields for what a paper leaves open: the choice made here is the default, and the others are a `--set` away."""

from dataclasses import field, fields
from typing import TypeVar

T = TypeVar("T")


def option(default: T) -> T:
    """A keyword-only dataclass field of a subclass of `Options`, such as `per: Per = option("batch")`."""
    made: T = field(default=default, kw_only=True, repr=False)
    return made


class Options:
    """Base of dataclasses with `option` fields.

    Their repr, which names runs, shows an option only where it is not the default: a run made before there was a
    choice keeps its name.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__repr__" not in vars(cls):  # or dataclass would write one
            cls.__repr__ = Options.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        shown = [f for f in fields(self) if f.repr or getattr(self, f.name) != f.default]  # type: ignore[arg-type]
        return f"{type(self).__qualname__}({', '.join(f'{f.name}={getattr(self, f.name)!r}' for f in shown)})"
