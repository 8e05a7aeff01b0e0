"""`bench list`."""

from pathlib import Path

import click

from bench.cli.group import cli
from bench.cli.options import option, plugins
from bench.cli.types import Place

KINDS = ["methods", "attacks", "corruptions", "conditions", "datasets", "models", "suites", "studies"]


@cli.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@plugins
@option("--results", type=Place(), default=Path("results"), help="Where studies are looked for.")
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def list_names(kind: str, results: Path) -> None:
    """Names that the other commands understand; of studies also what they have, take, and lack."""
    if kind == "studies":
        from bench.commands.data_radius import registered_radius
        from bench.report.studies.listing import listing

        click.echo("\n".join(listing(results, registered_radius)))
        return
    from bench.commands.list_names import names

    click.echo("\n".join(names(kind)))
