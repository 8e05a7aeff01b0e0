"""A page for each paper with data: summary, tables and figures in the paper's layout, and the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.report import cache as stored
from bench.report.site.data import SiteData
from bench.report.site.papers.figures import Figure, paper_figure
from bench.report.site.site import Here, LinkTarget, Site, unique_paths
from bench.report.studies.ledger_table import brief
from bench.report.studies.page import collapsed_seeds, shown_scales, started_studies
from bench.report.studies.study import STUDIES, Item, Study
from bench.report.studies.summary import ScaleResults, measure_scale, overview, sentences
from bench.report.studies.table_text import LEGEND, layout

LEFT_COLUMNS = ("Item", "Number", "Status", "At the paper's scale")  # columns set flush left


@dataclass(frozen=True)
class PaperTable:
    """A printed table with our numbers. Cells are a text, and whether it is bold."""

    heads: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[tuple[tuple[str, bool], ...], ...]


class PaperPages:
    """The pages `papers/*.html`."""

    menu = "Papers"

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        names = {name: name for name in _find_started(data) if STUDIES[name].findings is None}
        return {LinkTarget("paper", name): path for name, path in unique_paths("papers", names).items()}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str | bytes]]:
        papers = [(target.name, path) for target, path in site.paths.items() if target.kind == "paper"]
        for name, path in papers:
            study, here = STUDIES[name], Here(site, path)
            scales = [_scale(measure_scale(study, study.home, found), name, here) for found in _scales(data, study)]
            values = {"study": study, "name": name, "scales": scales, "legend_text": LEGEND, "left": LEFT_COLUMNS}
            values |= {"others": [other for other, _ in papers if other != name]}
            yield path, site.render(path, "paper.html", f"{name}: {study.about}", **values)


def _find_started(data: SiteData) -> list[str]:
    return started_studies(data.results) if data.boards else []


def _scales(data: SiteData, study: Study) -> Iterator[Any]:
    rows = stored.rows(data.results)
    return shown_scales(rows[rows["recipe"].isin(study.methods)], data.results, data.sources.radius)


def _scale(found: ScaleResults, name: str, here: Here) -> dict[str, Any]:
    """Values of the template for one scale."""
    ledger = brief(found.entries)
    return {
        "title": found.data.scale.title,
        "sentences": {word: text.split("`") for word, text in sentences(found).items()},
        "overview": overview(found),
        "collapsed": collapsed_seeds(found.data.rows),
        "items": [_item(item, found, name, here) for item in found.study.items],
        "ledger": ledger if len(ledger) else None,
        "files": _files(found, ("ledger.csv", "ledger.md", "comparisons.csv"), name, here),
    }


def _item(item: Item, found: ScaleResults, name: str, here: Here) -> dict[str, Any]:
    entries = found.ledger.get(item)
    figure = None if entries is not None else paper_figure(item, found.data, found.study.home)
    files = dict(_item_files(found, item, name, here))
    return {
        "item": item,
        "id": item.name.lower().replace(" ", "-"),
        "table": None if entries is None else _table(entries),
        "is_run": any(entry.ours.is_measured for entry in entries) if entries is not None else found.pictures[item],
        "figure": figure or Figure(),
        "picture": files.get("png", ""),
        "files": tuple(files.items()),
    }


def _table(entries: Any) -> PaperTable:
    drawn = layout(entries)
    lines = [
        tuple(zip(map(str, cells), map(bool, bold), strict=True))
        for cells, bold in zip(drawn.cells.to_numpy().tolist(), drawn.bold.to_numpy().tolist(), strict=True)
    ]
    return PaperTable(tuple(drawn.heads), tuple(map(str, drawn.cells)), tuple(lines))


def _item_files(found: ScaleResults, item: Item, name: str, here: Here) -> Iterator[tuple[str, str]]:
    """Suffixes and addresses of the files that `bench report --study` has written for an item."""
    for path in found.sections[item].file_names:
        if address := here.file(f"{name}/{path}"):
            yield path.rpartition(".")[2], address


def _files(found: ScaleResults, names: tuple[str, ...], paper: str, here: Here) -> list[tuple[str, str]]:
    """Names and addresses of the files of a scale that exist."""
    addresses = {name: here.file(f"{paper}/{found.data.file_of(name)}") for name in names}
    return [(name, address) for name, address in addresses.items() if address]
