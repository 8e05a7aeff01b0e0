"""`bench show`."""

from pathlib import Path

import click
from click.core import ParameterSource

from bench.cli.effect import refuse_given
from bench.cli.group import cli
from bench.cli.options import data_folder, folders, option, plugins
from bench.core.errors import BadInput


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME | corruption NAME")
@option("--dataset", default="digits", help="Data set whose images are corrupted. Default: digits.")
@data_folder
@plugins
@folders
@click.pass_context
def show(
    context: click.Context, /, names: tuple[str, ...], dataset: str, data_dir: Path, results: Path, reports: Path
) -> None:
    """Show a recipe, or a corruption on images.

    Of a recipe NAME: its paper, settings, source and cost, and the numbers that were printed and measured.

    \b
    corruption NAME    a contact sheet: test images down, severity across
    corruption all     a page of every corruption, on a test image and at 224 pixels
    corruption c-bar   (3dcc, or one of theirs) where its files are published; with --dataset a sheet of one
    """
    if len(names) == 2 and names[0] == "corruption":
        from bench.commands.show.published_corruption import describe_published
        from bench.data.published_sets import FILE_SETS

        if lines := describe_published(names[1]):
            click.echo("\n".join(lines))
        if names[1] in FILE_SETS or (lines and context.get_parameter_source("dataset") is ParameterSource.DEFAULT):
            refuse_given(context, ["dataset"], f"is of one corruption, and {names[1]} is a set of them")
            return
        from bench.commands.show.contact_sheet import show_corruption

        written = show_corruption(names[1], dataset, data_dir, reports)
        click.echo("\n".join(map(str, written)))
    elif len(names) == 1:
        from rich.console import Console

        from bench.commands.show.recipe_page import show as show_page

        refuse_given(context, ["dataset"], "is of `show corruption NAME`; a recipe's page is of no data set")
        show_page(names[0], results, Console(highlight=False))
    else:
        raise BadInput(f"show takes one name, or `corruption` and one, not {' '.join(names)!r}")
