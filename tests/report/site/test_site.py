"""Pages are functions of the rows, and no link of theirs leads to a missing file."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from result_files import measure

from bench.report.site.data import SiteData
from bench.report.site.site import unique_paths
from bench.report.site.write import site_files, write_site


class Links(HTMLParser):
    """Every address in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def links(html: str) -> list[str]:
    reader = Links()
    reader.feed(html)
    return reader.found


@pytest.mark.parametrize("board", ["digits-quick", "cifar10-resnet8-papers"])
def test_links_lead_to_files_of_the_site(board: str, tmp_path: Path) -> None:
    index = write_site(Path(__file__).parents[3] / "results/published" / board, tmp_path)
    pages = [*tmp_path.rglob("*.html")]
    assert index in pages
    for page in pages:
        for link in links(page.read_text(encoding="utf-8")):
            path = unquote(link.partition("#")[0])
            assert not re.match(r"\w+:", path) or path == "data:,", "nothing from a network"
            assert path == "data:," or not path or (page.parent / path).exists(), link


def test_a_name_is_shown_as_text(tmp_path: Path) -> None:
    measure(tmp_path, "FGSM", "1100", recipe="<script>alert(1)<&'\"")
    pages = [html for path, html in site_files(SiteData(tmp_path), frozenset()).items() if path.endswith(".html")]
    assert len(pages) == 2
    assert all("<script>alert" not in html and "&lt;script&gt;alert(1)&lt;&amp;" in html for html in pages)


def test_without_results_the_page_says_what_to_run(tmp_path: Path) -> None:
    index = write_site(tmp_path / "results", tmp_path / "reports").read_text(encoding="utf-8")
    assert "<code>bench run</code>" in index
    assert "<table" not in index


def test_names_that_would_be_one_file_are_told_apart() -> None:
    paths = unique_paths("methods", {"a/b": "a/b", "A-b": "A-b", "c": "c", "<>": "<>", "…": "…"})
    assert len(set(paths.values())) == len(paths)
    assert paths["c"] == "methods/c.html"
    assert all(re.fullmatch(r"methods/[\w.-]+\.html", path) for path in paths.values())
