"""Which cells of a baseline can be measured again, and under which condition."""

import sys
from collections import Counter
from pathlib import Path

from bench.commands.compare.cells import Cells
from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.evaluation.conditions.base import Condition, class_of, find_class
from bench.results.row import Row

REMEDY = "remake the baseline, or compare two results folders as they are, without --level"


def is_repeatable(row: Row) -> bool:
    """Whether it can be measured again. A transfer's images come from a model that may be anywhere."""
    known = class_of(row)
    return known is not None and known.repeatable and not row.source


def keep_repeatable(folder: Path, cells: Cells) -> Cells:
    """Those that can be measured again; the others are named on stderr. BadInput where there is none."""
    kept = {where: cell for where, cell in cells.items() if is_repeatable(cell.row)}
    lost = Counter(
        "transfer" if cell.row.source else cell.row.kind for cell in cells.values() if not is_repeatable(cell.row)
    )
    if lost:
        named = " and ".join(format_count(count, f"{kind} cell") for kind, count in lost.items())
        print(f"left out: {named} of {folder}, which cannot be measured again", file=sys.stderr)
    if not kept:
        raise BadInput(f"{folder} has no cell that can be measured again; {REMEDY}")
    return kept


def condition_of(row: Row, folder: Path) -> Condition:
    """The condition that a row was measured under. BadInput if that can no longer be had."""
    try:
        return find_class(row).from_row(row)
    except BadInput as error:
        raise BadInput(f"{folder}: {error}; {REMEDY}") from error
