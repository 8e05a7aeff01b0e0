"""The cells of the two sides of a comparison, where one is a model or is measured anew."""

from bench.commands.compare.cells import Cells, read_cells
from bench.commands.compare.comparison import Comparison, is_spec
from bench.commands.compare.measure_spec import measure_spec
from bench.commands.compare.repeatable import keep_repeatable
from bench.commands.compare.rerun import measure_anew
from bench.core.errors import BadInput, interrupt_advice


def cells_beside_spec(asked: Comparison) -> tuple[Cells, Cells]:
    """The cells of both sides, of which one is a model that is measured as the other, a folder, was."""
    there = keep_repeatable(asked.folder, read_cells(asked.folder))
    numbers = {where: cell for where, cell in there.items() if not cell.has_failed}
    measured = measure_spec(asked, numbers)
    return (measured, numbers) if is_spec(asked.baseline) else (there, measured)


def measured_cells(asked: Comparison) -> tuple[Cells, Cells]:
    """The cells of both folders, once those of `current` have been measured."""
    before = keep_repeatable(asked.baseline, read_cells(asked.baseline))
    with interrupt_advice(f"begin again with a new or an empty folder in the place of {asked.current}"):
        measure_anew(asked)
    after = read_cells(asked.current)
    if asked.level == 1:
        _same_weights(before, after)
    return before, after


def _same_weights(before: Cells, after: Cells) -> None:
    """At level 1 the weights are copies, so that a new key means other test images or another meaning of the cell."""
    for where in before.keys() & after.keys():
        old, new = before[where], after[where]
        if not new.has_failed and not old.has_failed and old.row.key != new.row.key:
            raise BadInput(f"{old}: not the same test images, or not the same condition, as then; remake the baseline")
