"""The regression gate: are the numbers of two results folders still the same, up to chance?"""

from pathlib import Path

from rich.console import Console

from bench.commands.compare import text as show
from bench.commands.compare.cells import Cells, read_cells
from bench.commands.compare.comparison import Comparison
from bench.commands.compare.significance import CellFinding, find_regressions
from bench.core.errors import BadInput
from bench.core.parsing import printable


def compare(asked: Comparison, markdown: Path | None, junit: Path | None) -> int:
    """`bench compare`. 0, or 1 if a cell of the baseline is worse, failed or missing in `current`.

    One of both may be the SPEC of a model, which is then measured under the other's conditions.

    BadInput where the two cannot be compared, or a file of the options not be written.
    """
    asked.check()
    for path in (markdown, junit):
        if path is not None and not path.parent.is_dir():
            raise BadInput(f"{path} cannot be written, {path.parent} is no folder; name another file")
    found = find_regressions(*_cells_of(asked))
    console = Console()
    _print_findings(console, found)
    title = f"{asked.current} against {asked.baseline}"
    for path, text in ((markdown, show.markdown(found, title)), (junit, show.junit(found))):
        if path is not None:
            path.write_text(text, encoding="utf-8")  # in place: CI hands out files that exist
    console.print(show.headline(found), highlight=False)
    if asked.level is not None and not asked.has_spec:
        from bench.commands.compare.rerun import end_comparison

        end_comparison(asked.current)
    return 1 if any(f.problem for f in found) else 0


def _cells_of(asked: Comparison) -> tuple[Cells, Cells]:
    """The cells of both sides; torch is imported only where something is measured now."""
    if asked.level is None and not asked.has_spec:
        return read_cells(asked.baseline), read_cells(asked.current)
    from bench.commands.compare.sides import cells_beside_spec, measured_cells

    return cells_beside_spec(asked) if asked.has_spec else measured_cells(asked)


def _print_findings(console: Console, found: list[CellFinding]) -> None:
    console.print(show.terminal(found))
    same_weights = [f for f in found if f.test == "flips"]  # of retrained models too many images change to list them
    for note in [*show.flips(same_weights), *show.notes(found)]:
        console.print(printable(note), highlight=False, markup=False, soft_wrap=True)
