"""`bench list`."""

import shutil
import sys
from pathlib import Path

import click

from bench.cli.effect import refuse_given
from bench.cli.group import cli
from bench.cli.options import option, plugins
from bench.cli.types import Place
from bench.core.errors import BadInput

REGISTRY_KINDS = ["methods", "attacks", "corruptions", "conditions", "datasets", "models", "suites", "studies"]
MAX_WIDTH = 200  # characters of a line


@cli.command("list")
@click.argument("kind", type=click.Choice(REGISTRY_KINDS))
@option("--long", is_flag=True, help="Print the table even if the output is not a terminal.")
@option("--markdown", is_flag=True, help="Print the table as Markdown.")
@plugins
@option("--results", type=Place(), default=Path("results"), help="Results folder in which rows of studies are counted.")
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.pass_context
def list_names(context: click.Context, /, kind: str, long: bool, markdown: bool, results: Path) -> None:
    """List names that options take, with a line on each.

    On a terminal this is a table; scripts get the names alone, one a line (of suites also what they hold, and of
    studies what they have, take, and lack).
    """
    if long and markdown:
        raise BadInput("--long and --markdown are two forms of the table; give one of them")
    if kind == "studies":
        from bench.commands.recipe_facts import registered_radius
        from bench.report.studies.listing import list_studies

        refuse_given(context, ["long", "markdown"], "is of tables of names, and studies have a form of their own")
        click.echo("\n".join(list_studies(results, registered_radius)))
        return
    from bench.commands.list.output import as_markdown, as_names, as_text

    if not (long or markdown or sys.stdout.isatty()):
        click.echo("\n".join(as_names(kind)))
        return
    width = min(shutil.get_terminal_size((110, 24)).columns, MAX_WIDTH)
    click.echo(as_markdown(kind) if markdown else "\n".join(as_text(kind, width)))
