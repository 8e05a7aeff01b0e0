"""The cells of the two sides of a comparison, where one is a model or is measured anew."""

from pathlib import Path

from bench.commands.compare.cells import Cells, read_cells
from bench.commands.compare.measure_spec import measure_spec
from bench.commands.compare.repeatable import keep_repeatable
from bench.commands.compare.rerun import measure_anew
from bench.core.errors import BadInput, interrupt_advice
from bench.evaluation.external.access import Access


def cells_beside_spec(
    baseline: Path, current: Path, is_baseline: bool, access: Access, device: str, batch_size: int
) -> tuple[Cells, Cells]:
    """The cells of both sides, of which one is a model that is measured as the other, a folder, was."""
    folder, spec = (current, baseline) if is_baseline else (baseline, current)
    there = keep_repeatable(folder, read_cells(folder), 1)
    numbers = {where: cell for where, cell in there.items() if not cell.has_failed}
    measured = measure_spec(str(spec), numbers, folder, access, device, batch_size)
    return (measured, numbers) if is_baseline else (there, measured)


def measured_cells(
    baseline: Path, current: Path, level: int, data_dir: Path, device: str, batch_size: int
) -> tuple[Cells, Cells]:
    """The cells of both folders, once those of `current` have been measured."""
    before = keep_repeatable(baseline, read_cells(baseline), level)
    with interrupt_advice(f"begin again with a new or an empty folder in the place of {current}"):
        measure_anew(baseline, current, level, data_dir, device, batch_size)
    after = read_cells(current)
    if level == 1:
        _same_weights(before, after)
    return before, after


def _same_weights(before: Cells, after: Cells) -> None:
    """At level 1 the weights are copies, so that a new key means other test images or another meaning of the cell."""
    for where in before.keys() & after.keys():
        old, new = before[where], after[where]
        if not new.has_failed and not old.has_failed and old.row.key != new.row.key:
            raise BadInput(f"{old}: not the same test images, or not the same condition, as then; remake the baseline")
