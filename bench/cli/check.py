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
    """Test the methods that FILE.py registers.

    They are tested as the methods of the bench are. Exit 1 if one breaks the contract.
    """
    from bench.commands.check_plugin import check_plugin

    return check_plugin(file)
