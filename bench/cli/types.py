"""What options are given as: lists of names, numbers, seeds; a share of the images."""

import re
from typing import Any

import click

from bench.numbers import number
from bench.shards import Shard


class Names(click.ParamType[tuple[str, ...]]):
    """Comma-separated names; commas inside [...] belong to the name."""

    name = "NAME,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(part.strip() for part in re.split(r",(?![^\[]*\])", value) if part.strip())
        return names or self.fail("it names nothing", param, ctx)


class Numbers(click.ParamType[tuple[float, ...]]):
    """Comma-separated numbers, which may be fractions such as 8/255."""

    name = "X,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        try:
            return tuple(number(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a number, a fraction such as 8/255, or a list of them", param, ctx)


class Severities(click.ParamType[tuple[int, ...]]):
    """1 to 5: comma-separated numbers and ranges such as 1-3."""

    name = "1-5"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if not re.fullmatch(r"[1-5](-[1-5])?(,[1-5](-[1-5])?)*", value):
            self.fail(f"{value!r}: severities are 1 to 5, given as numbers or ranges such as 1,3 or 1-5", param, ctx)
        ends = [(int(part[0]), int(part[-1])) for part in value.split(",")]
        return tuple(sorted({severity for low, high in ends for severity in range(low, high + 1)}))


class Share(click.ParamType[Shard]):
    """i/n, the i-th of n shards."""

    name = "i/n"

    def convert(self, value: Any, param: Any, ctx: Any) -> Shard:
        if isinstance(value, Shard):
            return value
        if not re.fullmatch(r"\d+/\d+", value):
            self.fail(f"{value!r} is not of the form i/n, such as 1/3", param, ctx)
        return Shard(*map(int, value.split("/")))


class Seeds(click.ParamType[tuple[int, ...]]):
    """Comma-separated whole numbers >= 0."""

    name = "N,..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        if not re.fullmatch(r"\d+(,\d+)*", value):
            self.fail(f"{value!r} is not a list of whole numbers >= 0, such as 0,1,2", param, ctx)
        return tuple(dict.fromkeys(int(part) for part in value.split(",")))
