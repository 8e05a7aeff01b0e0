"""Tables and figures from what `bench run` left on disk. Everything here is a function of those files; no torch."""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from bench.core.parsing import printable
from bench.report.corruptions.page import CorruptionsPage
from bench.report.exhibits.page import ExhibitsPage
from bench.report.files import replace_folders
from bench.report.leaderboard.page import LeaderboardPage
from bench.report.page import Page
from bench.report.readme import write_readme
from bench.report.site.data import SiteData
from bench.report.site.sources import WITHOUT, SiteSources
from bench.report.site.write import write_site
from bench.report.sweeps.page import SweepsPage
from bench.report.transfer.page import TransferPage
from bench.results.survey import run_folders, skipped_links

PAGES: tuple[Page, ...] = (LeaderboardPage(), TransferPage(), SweepsPage(), CorruptionsPage(), ExhibitsPage())


def write_reports(
    results: Path,
    reports: Path,
    processes: int = 1,
    sources: SiteSources = WITHOUT,
    pages: Iterable[Page] = PAGES,
) -> list[Path]:
    """The leaderboard, and whatever else the rows are enough for: in folders of their own, pages before their files.

    The site, which links to them, comes later; of its files `index.html` alone is among the paths. Last comes a
    README.md that says what is where. Of a folder without results BadInput says so, after the site has.

    processes: as of `draw_all`. sources: what the site shows and no run folder holds. Links to folders that are left
    out are named on stderr.
    """
    for link in skipped_links(results):
        where = printable(f"{link}, a link to {link.resolve()}")
        print(f"left out: {where}, which lies or is found elsewhere already", file=sys.stderr)
    if results.is_dir() and not SiteData(results).boards:
        write_site(results, reports)
    written = _write_folders(pages, results, reports, processes)
    return [*written, write_site(results, reports, sources), *write_readme(reports)]


def write_pages(pages: Iterable[Page], results: Path, reports: Path, processes: int = 1) -> list[Path]:
    """Files of an earlier report go first, once all that takes their place is known. processes: as of `draw_all`.

    Last comes a README.md that says what is where.
    """
    return [*_write_folders(pages, results, reports, processes), *write_readme(reports)]


def write_site_alone(results: Path, reports: Path, sources: SiteSources = WITHOUT) -> Path:
    """The site, which links to whatever else lies there, and the README.md that names it. Returns its first page."""
    first = write_site(results, reports, sources)
    write_readme(reports)
    return first


def _write_folders(pages: Iterable[Page], results: Path, reports: Path, processes: int) -> list[Path]:
    return replace_folders({reports / page.folder: page.files(results) for page in pages}, processes)


def first_pages(written: Iterable[Path]) -> list[Path]:
    """Of the paths of a report the page of each topic, which all else is below."""
    return [path for path in written if path.name == f"{path.parent.name}.md"]


def describe_files(written: Collection[Path], reports: Path) -> str:
    """How many files a report has, and which to open."""
    first = next(path for path in (reports / "index.html", *written) if path.exists())
    return f"wrote {len(written)} files below {reports}; open {first}"


def outstanding(results: Path) -> int:
    """How many cells have some of their shards only, and are in no table."""
    parts = [path for folder in run_folders(results) for path in folder.glob("part-*.json")]
    return len({(path.parent, path.name.rpartition("-")[0]) for path in parts})
