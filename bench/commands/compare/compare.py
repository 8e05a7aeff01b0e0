"""The regression gate: are the numbers of two results folders still the same, up to chance?"""

import re
from pathlib import Path

from rich.console import Console

from bench.commands.compare import text as show
from bench.commands.compare.cells import Cells, read_cells
from bench.commands.compare.significance import find_regressions
from bench.core.errors import BadInput
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

    BadInput where the two cannot be compared, or a file of the options not be written.
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
    if any(sides) or level is not None:
        before, after = _measure(baseline, current, level, access, device, batch_size)
    else:
        before, after = read_cells(baseline), read_cells(current)
    found = find_regressions(before, after)
    console = Console()
    console.print(show.terminal(found))
    same_weights = [f for f in found if f.test == "flips"]  # of retrained models too many images change to list them
    for note in [*show.flips(same_weights), *show.notes(found)]:
        console.print(printable(note), highlight=False, markup=False, soft_wrap=True)
    for path, text in ((markdown, show.markdown(found, f"{current} against {baseline}")), (junit, show.junit(found))):
        if path is not None:
            path.write_text(text, encoding="utf-8")  # in place: CI hands out files that exist
    console.print(show.headline(found), highlight=False)
    if level is not None and not any(sides):
        from bench.commands.compare.rerun import end_comparison

        end_comparison(current)
    return 1 if any(f.problem for f in found) else 0


def _measure(
    baseline: Path, current: Path, level: int | None, access: Access, device: str, batch_size: int
) -> tuple[Cells, Cells]:
    """The cells of both sides, of which something is measured now; only this imports torch."""
    from bench.commands.compare.sides import cells_beside_spec, measured_cells

    if level is None or is_spec(baseline) or is_spec(current):
        return cells_beside_spec(baseline, current, is_spec(baseline), access, device, batch_size)
    return measured_cells(baseline, current, level, access.data_dir, device, batch_size)


def is_spec(path: Path) -> bool:
    """Whether a side of a comparison is a model: FILE.py:FUNCTION@WEIGHTS, one of a package, a file of weights."""
    text = str(path)
    return not path.is_dir() and (path.is_file() or bool(re.search(r"\.py:|^(torchvision|timm|robustbench):", text)))
