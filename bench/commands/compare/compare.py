"""The regression gate: are the numbers of two results folders still the same, up to chance?"""

from pathlib import Path

from rich.console import Console

from bench.commands.compare import text as show
from bench.commands.compare.cells import Cells, read_cells
from bench.commands.compare.measure_spec import is_spec, measure_spec
from bench.commands.compare.repeatable import keep_repeatable
from bench.commands.compare.rerun import end_comparison, measure_anew
from bench.commands.compare.significance import find_regressions
from bench.core.errors import BadInput, interrupt_advice
from bench.core.parsing import printable
from bench.evaluation.external.access import Access


def compare(
    baseline: Path,
    current: Path,
    level: int | None,
    access: Access,
    device: str,
    batch_size: int,
    markdown: Path | None,
    junit: Path | None,
) -> int:
    """`bench compare`. 0, or 1 if a cell of the baseline is worse, failed or missing in `current`.

    One of both may be the SPEC of a model, which is then measured under the other's conditions.
    """
    sides = [is_spec(baseline), is_spec(current)]
    if all(sides):
        raise BadInput(
            f"{baseline} and {current} are models, and nothing says what to compare them under; make a baseline of one "
            f"by `bench eval --model {baseline} --results DIR`"
        )
    if any(sides) and level == 2:
        raise BadInput("--level 2 retrains, and a model from outside has no training here; leave it out")
    one, other = baseline.resolve(), current.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise BadInput(f"{baseline} and {current} are the same folder, or one within the other; name two apart")
    for path in (markdown, junit):
        if path is not None and not path.parent.is_dir():
            raise BadInput(f"{path} cannot be written, {path.parent} is no folder; name another file")
    if any(sides):
        before, after = _with_spec(baseline, current, sides[0], access, device, batch_size)
    else:
        before, after = _of_folders(baseline, current, level, access.data_dir, device, batch_size)
    found = find_regressions(before, after)
    console = Console()
    console.print(show.terminal(found))
    same_weights = [f for f in found if f.test == "flips"]  # of retrained models, nobody wants to read the images
    for note in [*show.flips(same_weights), *show.notes(found)]:
        console.print(printable(note), highlight=False, markup=False, soft_wrap=True)
    for path, text in ((markdown, show.markdown(found, f"{current} against {baseline}")), (junit, show.junit(found))):
        if path is not None:
            path.write_text(text, encoding="utf-8")  # in place: CI hands out files that exist
    console.print(show.headline(found), highlight=False)
    if level is not None and not any(sides):
        end_comparison(current)
    return 1 if any(f.problem for f in found) else 0


def _with_spec(
    baseline: Path, current: Path, is_baseline: bool, access: Access, device: str, batch_size: int
) -> tuple[Cells, Cells]:
    """The cells of both sides, of which one is a model that is measured as the other, a folder, was."""
    folder, spec = (current, baseline) if is_baseline else (baseline, current)
    there = keep_repeatable(folder, read_cells(folder), 1)
    numbers = {where: cell for where, cell in there.items() if not cell.has_failed}
    measured = measure_spec(str(spec), numbers, folder, access, device, batch_size)
    return (measured, numbers) if is_baseline else (there, measured)


def _of_folders(
    baseline: Path, current: Path, level: int | None, data_dir: Path, device: str, batch_size: int
) -> tuple[Cells, Cells]:
    """The cells of both folders; with a level, those of `current` are measured first."""
    before = read_cells(baseline)
    if level is not None:
        before = keep_repeatable(baseline, before, level)
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
