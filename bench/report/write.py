"""Writes all tables, figures and the site of a report from the files of `bench run`; without torch."""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from bench.core.parsing import format_count, printable
from bench.report.corruptions.page import CorruptionsPage
from bench.report.exhibits.page import ExhibitsPage
from bench.report.files import SITE_LIST_NAME, read_list, replace_folders
from bench.report.leaderboard.page import LeaderboardPage
from bench.report.norms.page import NormsPage
from bench.report.page import Page
from bench.report.precision.page import PrecisionPage
from bench.report.readme import write_readme
from bench.report.site.data import SiteData
from bench.report.site.sources import NO_SOURCES, SiteSources
from bench.report.site.write import write_site
from bench.report.sweeps.page import SweepsPage
from bench.report.transfer.page import TransferPage
from bench.results.survey import run_folders, skipped_links

PAGES: tuple[Page, ...] = (
    LeaderboardPage(),
    TransferPage(),
    SweepsPage(),
    NormsPage(),
    PrecisionPage(),
    CorruptionsPage(),
    ExhibitsPage(),
)


def write_reports(
    results: Path,
    reports: Path,
    processes: int = 1,
    sources: SiteSources = NO_SOURCES,
    pages: Iterable[Page] = PAGES,
) -> list[Path]:
    """Write the whole report: a folder for each topic that has rows, then the site, then README.md.

    Returns the paths that were written, each page before its files; of the site only `index.html`. Links to folders
    that are not followed are named on stderr.

    Args:
        processes: processes that draw figures, as for `draw_all`.
        sources: texts and images for the site that no run folder holds.

    Raises:
        BadInput: there are no results; the site is written all the same, and says so.
    """
    for link in skipped_links(results):
        where = printable(f"{link}, a link to {link.resolve()}")
        print(f"left out: {where}, which lies or is found elsewhere already", file=sys.stderr)
    if results.is_dir() and not SiteData(results).boards:
        write_site(results, reports)
    written = _write_folders(pages, results, reports, processes)
    return [*written, write_site(results, reports, sources), *write_readme(reports)]


def write_pages(pages: Iterable[Page], results: Path, reports: Path, processes: int = 1) -> list[Path]:
    """Write the folders of some topics, and README.md. processes: as for `draw_all`.

    Files of an earlier report are deleted only after all new contents have been computed.
    """
    return [*_write_folders(pages, results, reports, processes), *write_readme(reports)]


def write_site_alone(results: Path, reports: Path, sources: SiteSources = NO_SOURCES) -> Path:
    """The site, which links to whatever else lies there, and the README.md that names it. Returns its first page."""
    first = write_site(results, reports, sources)
    write_readme(reports)
    return first


def _write_folders(pages: Iterable[Page], results: Path, reports: Path, processes: int) -> list[Path]:
    return replace_folders({reports / page.folder: page.files(results) for page in pages}, processes)


def first_pages(written: Iterable[Path]) -> list[Path]:
    """The page of each topic among the paths of a report."""
    return [path for path in written if path.name == f"{path.parent.name}.md"]


def describe_files(written: Collection[Path], reports: Path) -> str:
    """A sentence: how many files were written, the whole site counted, and which to open first."""
    site = {reports / name for name in read_list(reports, SITE_LIST_NAME)}
    files, pages = {*written, *site}, sum(path.suffix == ".html" for path in site)
    first = next(path for path in (reports / "index.html", *written) if path.exists())
    whose = f", {format_count(pages, 'page')} of the site among them" if pages else ""
    return f"wrote {format_count(len(files), 'file')} below {reports}{whose}; open {first}"


def count_incomplete_cells(results: Path) -> int:
    """Number of cells of which only some shards are stored, so that no table has them."""
    parts = [path for folder in run_folders(results) for path in folder.glob("part-*.json")]
    return len({(path.parent, path.name.rpartition("-")[0]) for path in parts})
