"""Checks that a stored row is possible: its columns by themselves, and together with the outcome of each image.

Files of results are edited by hand, joined and damaged. Every reader of rows calls these checks.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bench.core.files import is_finite, is_name, is_run, parse_json, texts_in
from bench.core.parsing import LARGEST_SEED, format_count, printable
from bench.core.stats import wilson
from bench.core.threats.threat import NORMS
from bench.results.kinds import (
    ATTACK,
    CORRUPTION,
    KINDS,
    KINDS_WITH_ATTACK,
    KINDS_WITH_CORRUPTION,
    SWEEP,
    UNION,
    is_kind,
)

VERDICT_PATTERN = r"|ok|(suspect|invalid): .*"
MAX_TEXT_LENGTH = 200  # characters of a text column
LARGEST_COUNT = 10**9  # images or steps; more than any test set or attack has
LARGEST_WORK = 10**15  # passes, images or seconds; more than any measurement takes
ROUNDING_TOLERANCE = 1e-9  # tolerance for rounding between two ways to compute a number
Row = Any  # a `results.row.Row`, whose module imports this one
WHOLE_NUMBER_SETTINGS = ("steps", "restarts", "block", "eot")  # settings of attacks that are whole numbers from 1 up


def check_row(row: Row) -> None:
    """ValueError with the first column of a row that is impossible."""
    for fault in (*_run_faults(row), *_condition_faults(row), *_number_faults(row)):
        raise ValueError(fault)


def check_value(row: Row) -> None:
    """ValueError if the value, the number of images and the interval of a row contradict each other."""
    value, low, high = row.value, row.ci_low, row.ci_high
    if value is None:
        return
    if row.metric in ("accuracy", "success rate"):
        right = round(value * row.n)
        if not row.n or abs(right / row.n - value) > ROUNDING_TOLERANCE:
            raise ValueError(f"the value is {value:.6g}, not a share of {format_count(row.n, 'image')}")
        if not _is_interval_of(row, *wilson(right, row.n)):
            raise ValueError(f"the value is {value:.6g}, and its interval [{low}, {high}] is that of another")
    elif (low is not None or high is not None) and (low is None or high is None or not low <= value <= high):
        raise ValueError(f"the value is {value:.6g}, outside its interval [{low}, {high}]")


def _run_faults(row: Row) -> Iterator[str]:
    """Faults of the columns that name the run and its model, and that become names of folders and files."""
    if not is_run(row.run):
        yield f"run is {_short(row.run)}, which names no run folder"
    for column in ("view", "epoch"):
        if not is_name(getattr(row, column)):
            yield f"{column} is {_short(getattr(row, column))}, which is no name"
    *where, last = row.run.split("/")
    trained = [row.dataset, row.model, row.recipe] == where and last.startswith(f"s{row.seed}-")
    if not trained and [row.dataset, row.model] != where:
        yield f"dataset, model, recipe or seed is not that of the run {row.run}"
    if row.source and not is_run(row.source):
        yield f"source is {_short(row.source)}, which names no model"
    if not row.key:
        yield "key is missing"


def _condition_faults(row: Row) -> Iterator[str]:
    """Faults of the columns that say which condition was measured."""
    if not is_kind(row.kind):
        yield f"kind is {_short(row.kind)}, none of {', '.join(KINDS)}, or of a plug-in, as x-name"
    if row.norm not in ("", *NORMS):
        yield f"norm is {_short(row.norm)}, none of {', '.join(NORMS)}"
    for column in ("recipe", "name", "metric", "device", "precision", "version"):
        text = getattr(row, column)
        if len(text) > MAX_TEXT_LENGTH or not text.isprintable():
            yield f"{column} is {_short(text)}, not a text of up to {MAX_TEXT_LENGTH} characters that can be seen"
    if row.eps is not None and not row.eps >= 0:
        yield f"eps is {row.eps}, not a radius"
    if row.kind in KINDS_WITH_ATTACK and (row.eps is None or not row.norm or not row.name):
        yield f"{row.kind} without a name, norm or radius"
    if (row.kind in KINDS_WITH_CORRUPTION) != (row.severity is not None):
        yield f"severity is {row.severity} of a row of kind {row.kind}"
    if row.severity is not None and not 1 <= row.severity <= 5:
        yield f"severity is {row.severity}, not 1 to 5"
    if row.params:
        params = parse_json(row.params)
        if not all(text.isprintable() for text in texts_in(params)):
            yield "params hold characters that cannot be seen"
        yield from _attack_faults(row.kind, params) if isinstance(params, dict) else ["params are not a JSON object"]
    elif row.kind in (CORRUPTION, UNION, SWEEP):
        yield f"{row.kind} without params"


def _attack_faults(kind: str, params: Mapping[str, Any]) -> Iterator[str]:
    """Faults of the settings in `params` of a row of this kind."""
    corruption = params if kind == CORRUPTION else params.get("corruption") if kind == UNION else None
    attack = params if kind in (ATTACK, SWEEP) else params.get("attack") if kind == UNION else {}
    if not isinstance(attack, dict) or (kind == UNION and not isinstance(corruption, dict)):
        yield "params lack the settings of attack and corruption"
        return
    if nested := [name for name, value in attack.items() if isinstance(value, list | dict) and name != "sweep"]:
        yield f"params: {_short(nested[0])} is neither a number nor a text"
    for name in WHOLE_NUMBER_SETTINGS:
        value = attack.get(name)
        if value is not None and not (type(value) is int and 1 <= value <= LARGEST_COUNT):
            yield f"params: {name} is {_short(value)}, not a whole number above 0"
    if (step := attack.get("step")) is not None and not _is_length(step):
        yield f"params: step is {_short(step)}, not a length"
    grid = attack.get("sweep") if kind == SWEEP else None
    if kind == SWEEP and not (isinstance(grid, list) and len(grid) > 1 and all(map(_is_number, grid))):
        yield f"params: sweep is {_short(grid)}, not a list of radii"
    if isinstance(corruption, dict):
        made = {"official": "set", "generated": "table"}.get(str(corruption.get("made")))
        if made is None or made not in corruption:
            yield "params do not say how the corrupted images were made"


def _number_faults(row: Row) -> Iterator[str]:
    """Faults of the value, the counts, the verdict and the status."""
    if not 0 <= row.n <= LARGEST_COUNT:
        yield f"n is {_short(row.n)}, not a number of images"
    if not -LARGEST_SEED <= row.seed <= LARGEST_SEED or not 0 <= row.protocol <= LARGEST_COUNT:
        yield "seed or protocol is too large"
    for column in ("forwards", "backwards", "seconds"):
        cost = getattr(row, column)
        if cost is not None and not 0 <= cost < math.inf:
            yield f"{column} is {cost}"
    if not re.fullmatch(VERDICT_PATTERN, row.verdict, re.DOTALL):
        yield f"verdict is {_short(row.verdict)}, neither ok nor suspect nor invalid with a reason"
    if row.status != "ok":
        if not row.status.startswith("failed: "):
            yield f"status is {_short(row.status)}, neither ok nor failed with a reason"
        if row.value is not None:
            yield f"a value, {row.value}, of a cell that failed"
    elif row.value is None:
        if row.metric == "accuracy" or row.n:
            yield "no value, and no failure either"
    else:
        yield from _value_faults(row, row.value)


def _value_faults(row: Row, value: float) -> Iterator[str]:
    share = row.metric in ("accuracy", "success rate", "share", "area")
    if math.isnan(value) or (share and not 0 <= value <= 1):
        yield f"the value is {value}, not a share from 0 to 1" if share else f"the value is {value}"
    elif math.isinf(value) and row.metric != "median radius":
        yield f"the value is {value}"


def _is_interval_of(row: Row, low: float, high: float) -> bool:
    if row.ci_low is None or row.ci_high is None:
        return False
    return bool(abs(row.ci_low - low) <= 1e-6 and abs(row.ci_high - high) <= 1e-6)


def _is_number(value: Any) -> bool:
    return is_finite(value) and value >= 0


def _is_length(step: object) -> bool:
    """Whether a value is the step length of an attack, such as `0.25eps` or 0.0078."""
    if not isinstance(step, str):
        return _is_number(step)
    return re.fullmatch(r"[0-9.e+-]+(eps)?", step) is not None and _reads_as_float(step.removesuffix("eps"))


def _reads_as_float(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _short(value: object) -> str:
    return printable(repr(value), 60)
