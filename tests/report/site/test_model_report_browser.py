"""The report of one model in a browser: one file, on a phone, in both colour schemes, names as text."""

import shutil
from pathlib import Path

import pytest
from reported_model import RUN, store_report
from site_names import HOSTILE, LONG, Open

from bench.report.model_report.page import report_paths
from bench.report.site.write import write_site

pytestmark = pytest.mark.browser


@pytest.mark.slow
@pytest.mark.parametrize("name", [HOSTILE, LONG])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_mailed_report_is_whole(tmp_path: Path, visit: Open, name: str, width: int, scheme: str) -> None:
    store_report(tmp_path / "results", name)
    write_site(tmp_path / "results", tmp_path / "reports")
    mailed = tmp_path / "mailed.html"
    shutil.copy(tmp_path / "reports" / report_paths(tmp_path / "results", RUN)[0], mailed)
    page = visit(mailed, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("h1").text_content() == f"Robustness report: {' '.join(name.split())}"
    images = page.locator("img")
    assert images.count() == 3
    assert page.evaluate("[...document.images].every(image => image.naturalWidth == 8)")
    assert page.locator("svg circle").count() == 4
    assert page.locator("script").count() == 0


def test_the_menu_leads_to_reports(tmp_path: Path, visit: Open) -> None:
    store_report(tmp_path / "results", "net")
    page = visit(write_site(tmp_path / "results", tmp_path / "reports"))
    page.get_by_role("link", name="Models").click()
    page.get_by_role("link", name="Robustness report: net").click()
    assert page.locator("h1").text_content() == "Robustness report: net"
