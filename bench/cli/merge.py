"""`bench merge`."""

from pathlib import Path

import click

from bench.cli.group import cli
from bench.cli.options import option, plugins
from bench.cli.types import Place


@cli.command()
@click.argument("folders", nargs=-1, required=True, type=Place(), metavar="DIR...")
@option("--into", required=True, type=Place(), help="Folder to write: a new one, or one of DIR.")
@plugins
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def merge(folders: tuple[Path, ...], into: Path) -> int:
    """Join results folders of shards, hosts or labs. Folders that contradict each other are refused."""
    from bench.commands.merge import merge as join

    return join(folders, into)
