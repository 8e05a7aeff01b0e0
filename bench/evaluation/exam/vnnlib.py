"""Properties in VNN-LIB's language, as far as they are questions of the exam: a Linf ball and any wrong class.

A property names the inputs X_0, X_1, ... and the outputs Y_0, Y_1, ..., and says where a counterexample lies: each
input between two bounds, and the outputs in one of some cases, such as (>= Y_3 Y_7). Source: vnnlib.org, version 1.0.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.core.errors import BadInput
from bench.core.parsing import printable

Expression = str | list["Expression"]
ROUNDING = 1e-5  # by which bounds may differ from those of a ball


@dataclass(frozen=True)
class Property:
    """A ball and a class: is there an image in it that is of another class?

    Args:
        center: pixels in [0, 1], flat, (D,).
        eps: radius in Linf.
        label: the class.
        classes: how many there are.
    """

    center: NDArray[np.float64]
    eps: float
    label: int
    classes: int


def read_property(path: Path) -> Property:
    """Read a file of VNN-LIB.

    Raises:
        BadInput: it cannot be read, its inputs are no Linf ball of images in [0, 1], or its outputs are not "any class
            but one".
    """
    try:
        assertions, inputs, outputs = _statements(path.read_text(encoding="utf-8"))
        low, high = _box(assertions, inputs)
        label = _label(assertions, outputs)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}; --vnnlib takes a file of VNN-LIB") from error
    except ValueError as error:  # UnicodeDecodeError too
        raise BadInput(f"{path} is no question of the exam: {printable(error, 200)}") from error
    center, eps = _ball(path, low, high)
    return Property(center, eps, label, outputs)


def _statements(text: str) -> tuple[list[Expression], int, int]:
    """What is asserted, and the numbers of inputs and outputs."""
    assertions, names = list[Expression](), set[str]()
    for statement in _parse(text):
        if statement[0] == "declare-const":
            names.add(str(statement[1]))
        elif statement[0] == "assert" and len(statement) == 2:
            inner = statement[1]
            assertions += inner[1:] if inner[0] == "and" else [inner]
        else:
            raise ValueError(f"it has the statement {_format(statement)}")
    sizes = [sum(name.startswith(kind) for name in names) for kind in ("X_", "Y_")]
    expected = {f"X_{i}" for i in range(sizes[0])} | {f"Y_{i}" for i in range(sizes[1])}
    if names != expected or not sizes[0] or sizes[1] < 2:
        raise ValueError("it does not declare inputs X_0, X_1, ... and outputs Y_0, Y_1, ...")
    return assertions, sizes[0], sizes[1]


def _parse(text: str) -> Iterator[list[Expression]]:
    """The expressions in brackets of a text."""
    stack: list[list[Expression]] = [[]]
    for token in re.findall(r"[()]|[^\s()]+", re.sub(r";.*", "", text)):
        if token == "(":
            stack.append([])
        elif token == ")":
            if len(stack) == 1:
                raise ValueError("a bracket closes that was not opened")
            closed = stack.pop()
            if not closed:
                raise ValueError("it has empty brackets")
            stack[-1].append(closed)
        else:
            stack[-1].append(token)
    if len(stack) > 1:
        raise ValueError("a bracket is not closed")
    for expression in stack[0]:
        if not isinstance(expression, list):
            raise ValueError(f"{expression!r} stands outside of brackets")
        yield expression


def _box(assertions: list[Expression], inputs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bounds of the inputs, (D,) each."""
    low, high = np.full(inputs, -np.inf), np.full(inputs, np.inf)
    for assertion in assertions:
        if "X_" not in _format(assertion, None):
            continue
        match assertion:
            case ["<=" | ">=" as sign, str() as left, str() as right] if (left[:2] == "X_") != (right[:2] == "X_"):
                name, number = (left, right) if left[:2] == "X_" else (right, left)
                place, is_upper = int(name[2:]), (sign == "<=") == (name == left)
                if is_upper:
                    high[place] = min(high[place], float(number))
                else:
                    low[place] = max(low[place], float(number))
            case _:
                raise ValueError(f"{_format(assertion)} is no bound of one input")
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("an input has no lower or no upper bound")
    return low, high


def _label(assertions: list[Expression], outputs: int) -> int:
    """The class whose output all others are compared with."""
    cases = [assertion for assertion in assertions if "Y_" in _format(assertion, None)]
    if len(cases) == 1 and cases[0][0] == "or":
        cases = [case[1] if case[0] == "and" and len(case) == 2 else case for case in cases[0][1:]]
    elif len(cases) > 1:
        raise ValueError("several conditions on its outputs hold at once; wanted: one wrong class of several, by `or`")
    pairs = set[tuple[str, str]]()  # the winning output and the other
    for case in cases:
        match case:
            case [">=" | "<=" as sign, str() as left, str() as right] if left[:2] == right[:2] == "Y_":
                pairs.add((left, right) if sign == ">=" else (right, left))
            case _:
                raise ValueError(f"{_format(case)} does not compare two outputs")
    losers = {loser for _, loser in pairs}
    if len(losers) != 1 or {winner for winner, _ in pairs} | losers != {f"Y_{i}" for i in range(outputs)}:
        raise ValueError("its outputs are not `any class but one`, and here every wrong class counts")
    return int(losers.pop()[2:])


def _ball(path: Path, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The centre and the radius whose ball in [0, 1] has these bounds. BadInput if there is none."""
    whole = (low > 0) & (high < 1)  # pixels whose interval is not cut off at 0 or 1
    cut = (low > 0) | (high < 1)
    eps = float((high - low)[whole].mean()) / 2 if whole.any() else float((high - low)[cut].max()) if cut.any() else 1.0
    center = np.where(low > 0, low + eps, np.where(high < 1, high - eps, 0.5)).clip(0, 1)
    same = all(
        np.abs(found - wanted).max() <= ROUNDING
        for found, wanted in (((center - eps).clip(0, 1), low), ((center + eps).clip(0, 1), high))
    )
    if not same:
        raise BadInput(
            f"{path} is no question of the exam: its inputs lie in [{low.min():.4g}, {high.max():.4g}], and in no Linf "
            "ball of images in [0, 1]"
        )
    return center, eps


def _format(expression: Expression, most: int | None = 60) -> str:
    text = expression if isinstance(expression, str) else f"({' '.join(_format(e, None) for e in expression)})"
    return printable(text, most)
