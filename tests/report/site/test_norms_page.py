"""The page of unions: each number of the tables stands in it, and the boards that it joins lead to it."""

import re
from pathlib import Path

import pytest
from result_files import measure
from site_names import HOSTILE, Open

from bench.report.norms.page import find_folders, find_unions
from bench.report.site.data import SiteData
from bench.report.site.write import site_files
from bench.report.table_formats.table_text import MISSING

BALLS = {("Linf", 0.1): "1111110001", ("L2", 0.5): "1110111101", ("L1", 2.0): "0111111001"}
SHOWN = ["90.0", "60.0", "70.0", "60.0", "40.0", "90.0", "50.0", "70.0", "60.0", "30.0"]  # by line, the best first


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for recipe in ("PGD-AT", HOSTILE):
        measure(tmp_path, "", "1111111110", recipe=recipe)
        for (norm, eps), right in BALLS.items():
            measure(tmp_path, "PGD-20", right, recipe=recipe, norm=norm, eps=eps)
    measure(tmp_path, "FGSM", "1011111111", norm="Linf", eps=0.1)
    return tmp_path


def test_the_page_has_the_numbers_and_the_boards_lead_to_it(results: Path) -> None:
    (folder,) = find_folders(find_unions(results)).values()
    file = f"norms/{folder}/union.csv"
    pages = site_files(SiteData(results), frozenset({file}))
    html = str(pages["norms.html"])
    cells = [" ".join(re.sub("<[^>]+>", " ", cell).split()) for cell in re.findall(r"<td.*?</td>", html, re.DOTALL)]
    assert [cell.split(" ±")[0] for cell in cells] == SHOWN
    assert [cell.endswith("*") for cell in cells] == [False] * 4 + [True] + [False] * 5
    assert "without FGSM Linf 0.1" in html
    assert "<img" not in html
    assert f'href="{file}"' in html
    boards = {path: str(page) for path, page in pages.items() if path.startswith("boards/")}
    assert len(boards) == 3
    for path, page in boards.items():
        assert f'href="{path}"' in html
        assert '<a href="../norms.html">Together with other norms</a>' in page
    assert '<a href="norms.html">Norms</a>' in str(pages["index.html"])


def test_one_norm_alone_has_no_page(tmp_path: Path) -> None:
    measure(tmp_path, "", "11")
    for eps in (0.1, 0.2):
        measure(tmp_path, "PGD-20", "10", eps=eps)
    pages = site_files(SiteData(tmp_path), frozenset())
    assert "norms.html" not in pages
    assert "norms" not in str(pages["index.html"]).lower()


@pytest.mark.browser
def test_its_table_sorts_and_fits_a_phone(site: Path, visit: Open) -> None:
    page = visit(site / "norms.html", viewport={"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator("thead th", has_text="Union").first.click()
    page.wait_for_selector("thead th[aria-sort='descending']")
    cells = page.locator("table").first.locator("tbody td:last-child").all_text_contents()
    *found, _, _ = [text.split()[0] for text in cells]
    assert cells[-2:] == [MISSING, MISSING], "two lines were not attacked in L2"
    assert [float(number) for number in found] == sorted(map(float, found), reverse=True)
