"""Writes the whole site: all kinds of pages and the files that they share."""

from pathlib import Path

from bench.report.files import SITE_LIST_NAME, replace_files
from bench.report.model_report.page import ModelPages
from bench.report.site.assets import assets
from bench.report.site.board import BoardPages
from bench.report.site.compare.page import ComparePages
from bench.report.site.data import SiteData
from bench.report.site.heat.corruptions import CorruptionPages
from bench.report.site.heat.transfer import TransferPages
from bench.report.site.index import IndexPage
from bench.report.site.methods.page import MethodPages
from bench.report.site.norms import NormUnionsPage
from bench.report.site.papers.claims import ClaimsPage
from bench.report.site.papers.page import PaperPages
from bench.report.site.site import Site, SitePages
from bench.report.site.sources import NO_SOURCES, SiteSources

PAGES: tuple[SitePages, ...] = (  # in the order of the menu
    IndexPage(),
    BoardPages(),
    MethodPages(),
    ComparePages(),
    NormUnionsPage(),
    TransferPages(),
    CorruptionPages(),
    PaperPages(),
    ClaimsPage(),
    ModelPages(),
)


def write_site(results: Path, reports: Path, sources: SiteSources = NO_SOURCES) -> Path:
    """Write the site in place of an earlier one, and return the path of `index.html`.

    Pages link to those tables and figures of the report that exist. sources: texts and images that no run folder holds.
    """
    data = SiteData(results, sources)
    replace_files(reports, site_files(data, files_below(reports)), SITE_LIST_NAME)
    return reports / "index.html"


def site_files(data: SiteData, files: frozenset[str]) -> dict[str, str | bytes]:
    """Contents of all files of the site by path below reports/. files: paths of the report's tables and figures."""
    found = {kind: kind.paths(data) for kind in PAGES}
    menu = tuple((kind.menu, next(iter(paths.values()))) for kind, paths in found.items() if kind.menu and paths)
    site = Site({target: path for paths in found.values() for target, path in paths.items()}, menu, files)
    return {path: page for kind in PAGES for path, page in kind.pages(data, site)} | assets()


def files_below(reports: Path) -> frozenset[str]:
    """Paths below reports/ of all files in it."""
    return frozenset(path.relative_to(reports).as_posix() for path in reports.rglob("*.*") if path.is_file())
