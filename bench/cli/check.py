"""`bench check`."""

from pathlib import Path

import click

from bench.cli.group import cli
from bench.cli.options import option
from bench.cli.types import Place


@cli.command()
@click.argument("file", type=Place())
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def check(file: Path) -> int:
    """Test the methods and examine the attacks that FILE.py registers.

    Methods are tested as those of the bench are; attacks get a third of the questions of `bench exam`. Exit 1 if a
    method breaks the contract, or an attack what is proved.
    """
    from bench.commands.check_plugin import check_plugin

    return check_plugin(file)
