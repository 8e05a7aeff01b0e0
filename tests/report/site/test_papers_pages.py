"""Pages of papers and of claims hold what the Markdown pages hold, from the same data."""

import re
from html import unescape
from pathlib import Path

import pytest
from result_files import measure
from site_names import Open

from bench.report.site.data import SiteData
from bench.report.site.papers.claims import CHIP_CLASSES, find_findings
from bench.report.site.papers.figures import paper_figure
from bench.report.site.write import site_files, write_site
from bench.report.studies.claims.checks import verdict
from bench.report.studies.page import shown_scales, started_studies
from bench.report.studies.study import STUDIES
from bench.report.studies.summary import measure_scale, overview, sentences
from bench.report.studies.table_text import layout

PUBLISHED = Path(__file__).parents[3] / "results/published"
PAPERS = PUBLISHED / "cifar10-resnet8-papers"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The HTML of the papers' board by its path."""
    files = site_files(SiteData(PAPERS), frozenset({"m2at/cifar10-resnet8-quick/ledger.csv"}))
    return {path: str(page) for path, page in files.items()}


def words(html: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["avmixup", "bat", "m2at", "mtlat", "robmask"])
def test_a_page_has_the_sentences_the_tables_and_the_ledger_of_its_paper(name: str, pages: dict[str, str]):
    data, study, seen = SiteData(PAPERS), STUDIES[name], words(pages[f"papers/{name}.html"])
    rows = data.rows[data.rows["recipe"].isin(study.methods)]
    for scale in shown_scales(rows, PAPERS, data.sources.radius):
        found = measure_scale(study, study.home, scale)
        for text in sentences(found).values():
            assert " ".join(text.replace("`", " ").split()) in seen
        for cell in overview(found).to_numpy().ravel():
            assert " ".join(str(cell).split()) in seen
        for item, entries in found.ledger.items():
            drawn = layout(entries)
            is_run = any(entry.ours.is_measured for entry in entries)
            assert all(" ".join(cell.split()) in seen for cell in drawn.cells.to_numpy().ravel() if is_run)
            assert item.name in seen
        assert f"{sum(bool(e.number.text) for e in found.entries)} of them" in seen
    assert name in started_studies(PAPERS)


def test_figures_of_lines_are_charts_with_every_point(pages: dict[str, str]):
    data, study = SiteData(PAPERS), STUDIES["m2at"]
    (scale,) = shown_scales(data.rows[data.rows["recipe"].isin(study.methods)], PAPERS, data.sources.radius)
    found = {item.name: paper_figure(item, scale, study.home) for item in study.items}
    assert found["Table 1"] is None
    by_epoch, by_radius = found["Figure 2"], found["Figure 3"]
    assert by_epoch is not None
    assert [curve.name for curve in by_epoch.charts[0].curves] == ["PGD", "AVmixup", "M2AT"]
    assert all(len(curve.marks) == 8 for curve in by_epoch.charts[0].curves)
    assert by_radius is not None
    assert [chart.title for chart in by_radius.charts][:2] == ["FGSM", "PGD-10, steps of 2/255"]
    assert all(len(curve.marks) == 12 for chart in by_radius.charts for curve in chart.curves)


def test_files_that_were_written_are_linked(pages: dict[str, str]):
    links = re.findall(r'href="(\.\./m2at/[^"]+)"', pages["papers/m2at.html"])
    assert set(links) <= {"../m2at/cifar10-resnet8-quick/ledger.csv"}


def test_claims_are_those_of_the_rows():
    pages = site_files(SiteData(PUBLISHED / "claims-digits"), frozenset())
    ((_, findings),) = find_findings(PUBLISHED / "claims-digits")
    seen = words(str(pages["claims.html"]))
    assert len(findings) == 33
    for finding in findings:
        assert f"{verdict(finding.comparisons)} {' '.join(finding.claim.split())}" in seen
        assert all(" ".join(comparison.text.split()) in seen for comparison in finding.comparisons)
    told = sum(verdict(finding.comparisons) in CHIP_CLASSES for finding in findings)
    assert f"{33 - told} that these rows cannot tell" in seen


def test_without_a_study_there_is_no_page(tmp_path: Path):
    measure(tmp_path, "", "1110")
    measure(tmp_path, "FGSM", "1100")
    for folder in (tmp_path, tmp_path / "none"):
        files = site_files(SiteData(folder), frozenset())
        assert not [path for path in files if path.startswith(("papers/", "claims"))]
        assert ">Papers</a>" not in str(files["index.html"])


@pytest.mark.slow
@pytest.mark.browser
def test_the_menu_leads_to_papers_and_an_item_to_its_table(tmp_path: Path, visit: Open):
    page = visit(write_site(PAPERS, tmp_path))
    page.get_by_role("navigation").get_by_text("Papers").click()
    page.get_by_role("link", name="m2at").click()
    page.get_by_role("link", name="Table 3").click()
    assert page.url.endswith("#table-3-1")
    assert page.locator("#table-3-1 table tbody tr").count() == 7
    page.get_by_text("Every printed number").click()
    assert page.locator("details[open] table tbody tr").count() == 102
