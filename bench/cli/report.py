"""`bench report`."""

from pathlib import Path

import click

from bench.cli.group import cli
from bench.cli.options import data_folder, folders, option, plugins
from bench.cli.types import Place
from bench.core.errors import BadInput
from bench.core.parsing import format_count
from bench.core.processes import cores


@cli.command()
@option("--study", metavar="NAME", help="What to report: leaderboard (default), a study, or all.")
@option("--site-only", is_flag=True, help="Write only the pages of the site, no tables and figures.")
@option(
    "--cards", is_flag=True, help="Write only model cards (Hugging Face) and BibTeX, one for each model, in cards/."
)
@option("--open", "is_to_open", is_flag=True, help="Open the site in a browser.")
@option(
    "--export",
    "exports",
    type=Place(dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="Write only all measurements as one table, FILE.csv or FILE.parquet. Repeatable.",
)
@data_folder
@plugins
@folders
def report(
    study: str | None,
    site_only: bool,
    cards: bool,
    is_to_open: bool,
    exports: tuple[Path, ...],
    data_dir: Path,
    results: Path,
    reports: Path,
) -> None:
    """Write a site, tables and figures of stored results."""
    from bench.commands.browser import open_page
    from bench.commands.site_sources import site_sources
    from bench.report.write import write_site_alone

    alone = {"--export": bool(exports), "--cards": cards, f"--study {study}": study is not None}
    check_together(alone | {"--site-only": site_only})
    without_site = [name for name, is_given in alone.items() if is_given and study not in ("leaderboard", "all")]
    if is_to_open and without_site:
        raise BadInput(f"--open shows the site, which {without_site[0]} does not write")
    if cards:
        write_cards(results, reports)
    elif exports:
        export_all(results, exports)
    elif site_only:
        click.echo(f"site: {write_site_alone(results, reports, site_sources(data_dir))}")
    else:
        write_study(study or "leaderboard", results, reports, data_dir)
    if is_to_open:
        click.echo(open_page(reports / "index.html"))


def check_together(given: dict[str, bool]) -> None:
    """BadInput if more than one of some exclusive options is given."""
    both = [name for name, is_given in given.items() if is_given]
    if len(both) > 1:
        raise BadInput(f"{' and '.join(both)} ask for different things; give one of them")


def export_all(results: Path, exports: tuple[Path, ...]) -> None:
    """Write each table and print its number of lines; all names are checked first."""
    from bench.report.export import check_export, export

    for path in exports:
        check_export(results, path)
    for path in exports:
        click.echo(f"{path}: {format_count(export(results, path), 'measurement')}")


def write_cards(results: Path, reports: Path) -> None:
    """Write a model card for each model, and print the path of their list."""
    from bench.commands.recipe_facts import find_cited_papers
    from bench.report.cards.page import CardsPage
    from bench.report.write import first_pages, write_pages

    written = write_pages([CardsPage(find_cited_papers)], results, reports)
    click.echo(f"cards: {first_pages(written)[0]}")


def write_study(study: str, results: Path, reports: Path, data_dir: Path) -> None:
    """Write and print the leaderboard with its site and topics, the page of a study, or everything."""
    from rich.console import Console

    from bench.commands.recipe_facts import registered_radius
    from bench.commands.site_sources import site_sources
    from bench.report.studies.page import StudyPage, started_studies
    from bench.report.write import PAGES, count_incomplete_cells, describe_files, write_pages, write_reports

    names = started_studies(results) if study == "all" else [study] if study != "leaderboard" else []
    studies = [StudyPage(name, registered_radius) for name in names]
    if study in ("leaderboard", "all"):
        paths = write_reports(results, reports, cores(), site_sources(data_dir), (*PAGES, *studies))
        for page in PAGES:
            page.show(results, Console())
        click.echo(describe_files(paths, reports))
        if missing := count_incomplete_cells(results):
            click.echo(f"{results}: cells that lack shards: {missing}; see bench merge")
    else:
        paths = write_pages(studies, results, reports)
    for study_page in studies:
        study_page.show(results, Console())
        click.echo(next(path for path in paths if path == reports / study_page.folder / f"{study_page.folder}.md"))
