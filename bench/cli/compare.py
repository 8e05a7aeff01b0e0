"""`bench compare`."""

from pathlib import Path
from typing import Any

import click

from bench.cli.group import cli
from bench.cli.options import machine, normalised, option, plugins
from bench.cli.types import Place
from bench.core.errors import BadInput


@cli.command()
@click.argument("baseline", type=Place())
@click.argument("current", type=Place())
@option(
    "--level",
    type=click.IntRange(1, 2),
    help="First fill CURRENT: 1 evaluates BASELINE's weights again, 2 trains again.",
)
@option("--markdown", type=Place(dir_okay=False, writable=True), help="Write a summary to this file.")
@option("--junit", type=Place(dir_okay=False, writable=True), help="Write JUnit XML to this file.")
@normalised
@machine
@option("--unsafe-pickle", is_flag=True, help="Weight files may run their author's code, as pickles do.")
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def compare(
    baseline: Path,
    current: Path,
    normalise: str | None,
    data_dir: Path,
    unsafe_pickle: bool,
    markdown: Path | None,
    junit: Path | None,
    **settings: Any,
) -> int:
    """Compare two results folders for regressions.

    Exit 1 if a cell of BASELINE failed or is missing in CURRENT, or is worse there than chance explains.

    Without --level two results folders are compared as they are. One of both may also be a model, as of `bench eval`
    (FILE.py:FUNCTION@WEIGHTS): it is attacked as the other one was, on the same images.
    """
    from bench.commands.compare.compare import compare as gate
    from bench.commands.compare.comparison import Comparison, is_spec
    from bench.evaluation.external.access import Access

    if normalise and not (is_spec(baseline) or is_spec(current)):
        raise BadInput(f"--normalise {normalise} is of a model, and {baseline} and {current} are folders; leave it out")
    if normalise:
        from bench.evaluation.external.normalisation import with_normalisation

        baseline, current = (
            Path(with_normalisation(str(side), normalise)) if is_spec(side) and not side.is_file() else side
            for side in (baseline, current)
        )
    access = Access(data_dir, unsafe_pickle=unsafe_pickle)
    return gate(Comparison(baseline, current, access=access, **settings), markdown, junit)
