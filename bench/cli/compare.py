"""`bench compare`."""

from pathlib import Path
from typing import Any

import click

from bench.cli.group import cli
from bench.cli.options import machine, option, plugins
from bench.cli.types import Place


@cli.command()
@click.argument("baseline", type=Place())
@click.argument("current", type=Place())
@option("--level", type=click.IntRange(1, 2), help="First fill CURRENT: 1 judges BASELINE's weights anew, 2 retrains.")
@option("--markdown", type=Place(dir_okay=False, writable=True), help="Write a summary there.")
@option("--junit", type=Place(dir_okay=False, writable=True), help="Write JUnit XML there.")
@machine
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def compare(data_dir: Path, **settings: Any) -> int:
    """Regression gate: exit 1 if a cell of BASELINE is worse, failed or missing in CURRENT, beyond chance.

    Without --level two results folders are compared as they are.
    """
    from bench.commands.compare.compare import compare as gate

    return gate(data_dir=data_dir, **settings)
