"""Pages are functions of the rows, and no link of theirs leads to a missing file."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from result_files import measure

from bench.core.errors import BadInput
from bench.report.site.data import SiteData
from bench.report.site.site import unique_paths, with_code
from bench.report.site.write import site_files, write_site
from bench.report.write import write_reports


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


@pytest.mark.parametrize("board", ["digits-quick", pytest.param("cifar10-resnet8-papers", marks=pytest.mark.slow)])
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
    assert len(pages) == 3, "the first, a board and a method"
    assert all("<script>alert" not in html and "&lt;script&gt;alert(1)&lt;&amp;" in html for html in pages)


def test_boards_with_the_fewest_reservations_come_first(tmp_path: Path) -> None:
    for dataset, n in (("single", 1000), ("few", 10), ("many", 1000), ("strong", 1000)):
        attack = "AutoAttack" if dataset == "strong" else "FGSM"
        for recipe in ["PGD-AT"] if dataset == "single" else ["PGD-AT", "M2AT"]:
            measure(tmp_path, "", "1" * n, dataset=dataset, recipe=recipe)
            measure(tmp_path, attack, "1" * n, dataset=dataset, recipe=recipe)
    data = SiteData(tmp_path)
    assert [board.dataset for board in data.boards] == ["strong", "many", "few", "single"]
    pages = "".join(str(page) for page in site_files(data, frozenset()).values())
    assert "Rank 1 of 2 by AutoAttack, shared by 2 lines." in pages


def test_the_first_page_says_where_the_best_line_is_in_doubt(tmp_path: Path) -> None:
    for dataset, verdict in (("digits", "suspect: no <gradient>"), ("cifar10", "ok")):
        measure(tmp_path, "", "1111", dataset=dataset)
        measure(tmp_path, "FGSM", "1110", dataset=dataset, verdict=verdict)
    index = str(site_files(SiteData(tmp_path), frozenset())["index.html"])
    assert index.count('class="chip suspect"') == 1
    assert re.search(r'title="FGSM: no &lt;gradient&gt;[^"]*">suspect</span>', index)


def test_without_results_the_page_says_what_to_run(tmp_path: Path) -> None:
    index = write_site(tmp_path / "results", tmp_path / "reports").read_text(encoding="utf-8")
    assert "<code>bench run</code>" in index
    assert "<table" not in index


def test_a_report_of_nothing_is_an_error_and_a_page_that_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    with pytest.raises(BadInput, match="no results under"):
        write_reports(tmp_path / "results", tmp_path / "reports")
    assert "<code>bench run</code>" in (tmp_path / "reports/index.html").read_text(encoding="utf-8")
    with pytest.raises(BadInput, match="no results under"):
        write_reports(tmp_path / "misspelt", tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_an_index_that_is_somebodys_own_stays(tmp_path: Path) -> None:
    measure(tmp_path / "results", "FGSM", "1100")
    (tmp_path / "index.html").write_text("mine")
    write_site(tmp_path / "results", tmp_path)
    assert (tmp_path / "index.html").read_text() == "mine"
    assert (tmp_path / "boards/digits-cnn-linf-8-255-quick.html").exists()


def test_what_is_half_deleted_failed_or_old_is_shown_as_that(tmp_path: Path) -> None:
    for protocol in (1, 2):
        for recipe in ("A", "B"):
            for attack in ("", "FGSM"):
                run = f"digits/cnn/{recipe}/s0-{protocol}"
                measure(tmp_path, attack, "1111000000", recipe=recipe, run=run, protocol=protocol)
    measure(tmp_path, "PGD-20", None, recipe="A", run="digits/cnn/A/s0-2", protocol=2, status="failed: no memory")
    (tmp_path / "digits/cnn/B/s0-2/outcomes.npz").unlink()
    for name, status in (("failed", "failed: loss is nan"), ("begun", "training"), ("silent", "")):
        folder = tmp_path / f"digits/cnn/{name}/s0-1"
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps({"status": status} if status else {}))
    pages = site_files(SiteData(tmp_path), frozenset())
    index = pages.pop("index.html")
    assert all(text in index for text in ("failed: loss is nan", "<td>training</td>", "says nothing of its status"))
    boards = [html for path, html in pages.items() if path.startswith("boards/")]
    old, new = sorted(boards, key=lambda html: "PGD-20" in html)
    assert "older protocol" in old
    assert "older protocol" not in new
    assert 'title="failed: no memory">failed' in new


def test_names_that_would_be_one_file_are_told_apart() -> None:
    paths = unique_paths("methods", {name: name for name in ("a/b", "A-b", "c", "<>", "…", "CON", "../x", "x" * 180)})
    assert len(set(paths.values())) == len(paths)
    assert (paths["c"], paths["CON"]) == ("methods/c.html", "methods/con-.html")  # Windows has no con.html
    assert all(len(path) < 90 for path in paths.values())
    assert all(re.fullmatch(r"methods/[\w.-]+\.html", path) for path in paths.values())


def test_backticks_become_code_and_nothing_else_becomes_markup() -> None:
    assert with_code("draws `<lam>` & <b>") == "draws <code>&lt;lam&gt;</code> &amp; &lt;b&gt;"
