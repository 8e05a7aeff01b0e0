"""Commands that show what is there: report, list, show."""

from pathlib import Path

import click

from bench.cli.effect import refuse_given
from bench.cli.group import cli
from bench.cli.options import DEFAULT_DATA, folders, option, plugins
from bench.cli.types import Place
from bench.errors import BadInput
from bench.workers import cores


@cli.command()
@option("--study", default="leaderboard", metavar="NAME", help="leaderboard (default), a study, or all.")
@folders
def report(study: str, results: Path, reports: Path) -> None:
    """Write tables and figures of everything in the results folder."""
    from rich.console import Console

    from bench.report import outstanding, write_reports
    from bench.report.leaderboard import print_boards
    from bench.studies.pages import started, write_page

    if study in ("leaderboard", "all"):
        paths = write_reports(results, reports, processes=cores())
        print_boards(results, Console())
        click.echo("\n".join(str(path) for path in paths))
        if lacking := outstanding(results):
            click.echo(f"{results}: cells that lack shards: {lacking}; see bench merge")
    for name in started(results) if study == "all" else [study] if study != "leaderboard" else []:
        written = write_page(name, results, reports)
        click.echo(written.read_text(encoding="utf-8"))
        click.echo(written)


KINDS = ["methods", "attacks", "corruptions", "datasets", "models", "suites", "studies"]


@cli.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@plugins
@option("--results", type=Place(), default=Path("results"), help="Where studies are looked for.")
@option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def list_names(kind: str, results: Path) -> None:
    """Names that the other commands understand; of studies also what they have, take, and lack."""
    if kind == "studies":
        from bench.studies.listing import listing

        click.echo("\n".join(listing(results)))
        return
    from bench.commands import names

    click.echo("\n".join(names(kind)))


@cli.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME | corruption NAME")
@option("--dataset", default="digits", help="Whose images a corruption is shown on. Default: digits.")
@option("--data-dir", type=Place(), envvar="BENCH_DATA", default=DEFAULT_DATA, help="Where data are.")
@plugins
@folders
@click.pass_context
def show(
    context: click.Context, /, names: tuple[str, ...], dataset: str, data_dir: Path, results: Path, reports: Path
) -> None:
    """A recipe's page: paper, settings, source, counted cost, numbers printed and measured.

    \b
    corruption NAME    a contact sheet: test images down, severity across
    corruption all     a page of every corruption, on a test image and at 224 pixels
    """
    if len(names) == 2 and names[0] == "corruption":
        from bench.show.sheet import show_corruption

        written = show_corruption(names[1], dataset, data_dir, reports)
        click.echo("\n".join(map(str, written)))
    elif len(names) == 1:
        from rich.console import Console

        from bench.show import show as show_page

        refuse_given(context, ["dataset"], "is of `show corruption NAME`; a recipe's page is of no data set")
        show_page(names[0], results, Console(highlight=False))
    else:
        raise BadInput(f"show takes one name, or `corruption` and one, not {' '.join(names)!r}")
