"""Commands that show what is there: report, list, show."""

from pathlib import Path

import click

from bench.cli.group import cli
from bench.cli.options import folders, option
from bench.core.processes import cores


@cli.command()
@option("--study", default="leaderboard", metavar="NAME", help="leaderboard (default), a study, or all.")
@folders
def report(study: str, results: Path, reports: Path) -> None:
    """Write tables and figures of everything in the results folder."""
    from rich.console import Console

    from bench.commands.data_radius import registered_radius
    from bench.report.studies.page import StudyPage, started_studies
    from bench.report.write import PAGES, outstanding, write_pages, write_reports

    if study in ("leaderboard", "all"):
        paths = write_reports(results, reports, processes=cores())
        for page in PAGES:
            page.show(results, Console())
        click.echo("\n".join(str(path) for path in paths))
        if lacking := outstanding(results):
            click.echo(f"{results}: cells that lack shards: {lacking}; see bench merge")
    for name in started_studies(results) if study == "all" else [study] if study != "leaderboard" else []:
        study_page = StudyPage(name, registered_radius)
        written = write_pages([study_page], results, reports)
        study_page.show(results, Console())
        click.echo(written[0])
