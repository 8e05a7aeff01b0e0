"""`bench eval --within TIME`: attack a model for about so long, and know a bound of its robust accuracy all the while.

StagedMargin gives each image what is most likely to break it first, and with a limit on its passes it does what it does
without one up to there. So it is run with 30 passes an image, three times as many, and so on, as far as the time goes:
each run is a row, and an upper bound of robust accuracy that is at most the one before. Images that a run breaks cost
the next one what they cost this one; the runs together take at most half as long again as the last one alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from bench.attacks.parse import parse_attack
from bench.core.errors import BadInput
from bench.core.passes import BACKWARD
from bench.evaluation.arguments import cast_for_model
from bench.evaluation.conditions.attack import Attacked, plain_attacks
from bench.evaluation.conditions.base import Condition
from bench.results.row import Row
from bench.runner.cells import CellPlan

ATTACK = "StagedMargin"
FIRST_PASSES, GROWTH = 30, 3  # of an image, and by how much each run has more
LEAST_GROWTH = 1.5  # a last run with less than this would hardly show more
RESERVE = 0.1  # share of the time left that is not planned for
TIMED_IMAGES = 32  # of which a clean pass is timed


def name_with_limit(passes: int) -> str:
    """The attack with at most this many forward passes an image, a backward pass counted as two."""
    return f"{ATTACK}[passes={passes}]"


@dataclass(frozen=True)
class RepeatedMeasurement:
    """What the runs with ever more passes need of a command.

    Args:
        cells: the images, and the conditions of the first run.
        measure: stores what is missing of a plan's cells; returns how many failed.
        find_row: the stored row of a condition.
    """

    cells: CellPlan
    measure: Callable[[CellPlan], int]
    find_row: Callable[[Condition], Row]


def check_time(cells: CellPlan, net: torch.nn.Module, seconds: float) -> None:
    """BadInput if the time is too short to classify each clean image once."""
    x, taken = cast_for_model(net, cells.test.x[: min(TIMED_IMAGES, cells.n)]), []
    for _ in range(2):  # the first also prepares kernels and memory
        start = time.perf_counter()
        with torch.no_grad():
            net(x).sum().item()  # item() waits for a GPU
        taken.append(time.perf_counter() - start)
    needed = min(taken) / len(x) * cells.n
    if needed > seconds:
        raise BadInput(
            f"--within {seconds:g}s: to classify {cells.n:,} clean images once takes about {needed:.2g} s here; "
            "give more time, or fewer images by --limit"
        )


def evaluate_within(work: RepeatedMeasurement, seconds: float) -> int:
    """Run the attack with ever more passes until the time is spent or it has ended; returns how many cells failed."""
    start, passes = time.monotonic(), FIRST_PASSES
    whole = parse_attack(ATTACK).passes
    while True:
        conditions = tuple(_with_passes(condition, passes, whole) for condition in work.cells.conditions)
        failed = work.measure(replace(work.cells, conditions=conditions))
        if failed:
            return failed
        rows = [work.find_row(condition) for condition in plain_attacks(conditions)]
        elapsed = time.monotonic() - start
        print("\n".join(_sentence(row, passes, whole, elapsed) for row in rows))
        passes = next_passes(rows, passes, whole, (seconds - elapsed) * (1 - RESERVE))
        if not passes:
            return 0


def next_passes(rows: list[Row], passes: int, whole: float, seconds: float) -> int:
    """How many passes the next run has that takes at most so long; 0 if there is none.

    rows: of this run, in each ball. passes: its limit. whole: what the attack takes without one.
    """
    spent = sum(row.n * _passes_of(row) for row in rows)
    taken = sum(row.seconds or 0.0 for row in rows)
    unbroken = sum(round(row.n * (row.value or 0.0)) for row in rows)
    if passes >= whole or not unbroken or not spent or seconds <= 0:
        return 0
    affordable = (seconds * spent / max(taken, 1e-9) - (spent - unbroken * passes)) / unbroken
    wanted = int(whole) if GROWTH * passes >= whole else GROWTH * passes
    if affordable >= wanted:
        return wanted
    return _two_digits(affordable) if affordable >= LEAST_GROWTH * passes else 0


def _passes_of(row: Row) -> float:
    return (row.forwards or 0.0) + BACKWARD * (row.backwards or 0.0)


def _two_digits(number: float) -> int:
    """The number rounded down to two significant digits."""
    whole = int(number)
    unit: int = 10 ** max(len(str(whole)) - 2, 0)
    return whole // unit * unit


def _with_passes(condition: Condition, passes: int, whole: float) -> Condition:
    """The condition with this limit instead of its own; without a limit where the attack takes no more."""
    if not (isinstance(condition, Attacked) and condition.name == ATTACK):
        return condition
    return replace(condition, attack=parse_attack(ATTACK if passes >= whole else name_with_limit(passes)))


def _sentence(row: Row, passes: int, whole: float, elapsed: float) -> str:
    limit = "without a limit" if passes >= whole else f"within {passes:,} passes an image"
    value, low, high = (100 * (number or 0.0) for number in (row.value, row.ci_low, row.ci_high))
    return f"after {elapsed:.0f} s: at most {value:.1f} % [{low:.1f}, {high:.1f}] robust, {ATTACK} {limit}"
