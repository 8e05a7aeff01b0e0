"""Types of options: lists of names, numbers and seeds, shards, counts and paths."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from bench.core.files import expand_home
from bench.core.parsing import LARGEST_NUMBER, LARGEST_SEED, parse_number, parse_whole_number
from bench.results.shards import Shard

T = TypeVar("T")


class Names(click.ParamType[tuple[str, ...]]):
    """Comma-separated names, each once; commas inside [...] belong to the name."""

    name = "NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in re.split(r",(?![^\[]*\])", value)]
        if not any(parts):
            self.fail(f"{value!r} names nothing", param, ctx)
        if not all(parts):
            self.fail(f"a name is missing beside a comma of {value!r}", param, ctx)
        return unique_values(parts, parts, lambda message: self.fail(message, param, ctx))


class Numbers(click.ParamType[tuple[float, ...]]):
    """Comma-separated numbers, which may be fractions such as 8/255."""

    name = "X,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        parts = value.split(",")
        try:
            numbers = [parse_number(part) for part in parts]
        except ValueError:
            self.fail(f"{value!r} is not a number, a fraction such as 8/255, or a list of them", param, ctx)
        return unique_values(numbers, parts, lambda message: self.fail(message, param, ctx))


class Number(click.ParamType[float]):
    """One number, which may be a fraction such as 7/10."""

    name = "X"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        if isinstance(value, float):
            return value
        try:
            return parse_number(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor a fraction such as 7/10", param, ctx)


class Severities(click.ParamType[tuple[int, ...]]):
    """1 to 5: comma-separated numbers and ranges such as 1-3."""

    name = "1-5"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        if not all(re.fullmatch(r"[1-5](-[1-5])?", part) for part in parts):
            self.fail(f"{value!r}: severities are 1 to 5, given as numbers or ranges such as 1,3 or 1-5", param, ctx)
        if backwards := [part for part in parts if part[0] > part[-1]]:
            self.fail(f"the range {backwards[0]} runs backwards; write {backwards[0][::-1]}", param, ctx)
        return tuple(sorted({severity for p in parts for severity in range(int(p[0]), int(p[-1]) + 1)}))


class ShardNumber(click.ParamType[Shard]):
    """i/n, the i-th of n shards."""

    name = "i/n"

    def convert(self, value: Any, param: Any, ctx: Any) -> Shard:
        if isinstance(value, Shard):
            return value
        index, _, count = value.partition("/")
        try:
            share = parse_whole_number(index), parse_whole_number(count)
        except ValueError:
            self.fail(f"{value!r} is not of the form i/n, such as 1/3, of two whole numbers", param, ctx)
        return Shard(*share)


class Seeds(click.ParamType[tuple[int, ...]]):
    """Comma-separated whole numbers >= 0, each once."""

    name = "N,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = value.split(",")
        try:
            seeds = [parse_whole_number(part, most=LARGEST_SEED) for part in parts]
        except ValueError:
            self.fail(f"{value!r} is not a list of whole numbers from 0 to 2^63 - 1, such as 0,1,2", param, ctx)
        return unique_values(seeds, parts, lambda message: self.fail(message, param, ctx))


class Count(click.ParamType[int]):
    """A whole number from 1 up."""

    name = "N"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_whole_number(value, least=1)
        except ValueError:
            self.fail(f"{value!r} is not a whole number from 1 to {LARGEST_NUMBER:,}", param, ctx)


class Duration(click.ParamType[float]):
    """A length of time such as 90s, 10m or 1.5h, in seconds."""

    name = "TIME"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smh])", value.strip())
        if found is None or not float(found[1]):
            self.fail(
                f"{value!r} is not a time such as 90s, 10m or 1.5h, of a number above 0 and s, m or h", param, ctx
            )
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


class Memory(click.ParamType[int]):
    """A size such as 64M or 4G, in bytes."""

    name = "SIZE"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([KMGT])(?:i?B)?", value.strip(), re.IGNORECASE)
        if found is None or not float(found[1]):
            self.fail(f"{value!r} is not a size such as 64M or 4G, of a number above 0 and K, M, G or T", param, ctx)
        return int(float(found[1]) * 1024 ** (1 + "KMGT".index(found[2].upper())))


class Place(click.Path):
    """A path, in which ~ is a home folder."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(path_type=Path, **settings)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        return super().convert(expand_home(value), param, ctx)


def unique_values(values: Sequence[T], texts: Sequence[str], refuse: Callable[[str], Any]) -> tuple[T, ...]:
    """The values as a tuple; if one is there twice, `refuse` is called with a message. texts: how each was written."""
    seen: dict[T, None] = {}
    for value, text in zip(values, texts, strict=True):
        if value in seen:
            refuse(f"{text.strip()} is there twice; give it once")
        seen[value] = None
    return tuple(seen)
