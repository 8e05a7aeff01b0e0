"""Two lines of a board: counts, tests and images, exactly; in a browser any two can be chosen."""

import base64
import json
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from result_files import measure
from site_names import Open

from bench.core.stats import holm, mcnemar, mcnemar_over_seeds, paired_bootstrap
from bench.report.leaderboard.page import boards
from bench.report.site.compare import pairs
from bench.report.site.compare.page import IMAGES_IN_A_ROW, MAX_IMAGES, MAX_PAIRS
from bench.report.site.compare.pairs import compare_lines, pack
from bench.report.site.data import SiteData
from bench.report.site.sources import CleanImages, SiteSources
from bench.report.site.write import site_files, write_site


def store(results: Path, lines: dict[str, list[str]]) -> SiteData:
    """By recipe the outcomes of each seed under FGSM."""
    for recipe, seeds in lines.items():
        for seed, bits in enumerate(seeds):
            measure(results, "", "1" * len(bits), recipe=recipe, seed=seed)
            measure(results, "FGSM", bits, recipe=recipe, seed=seed)
    return SiteData(results)


def test_a_pair_has_its_four_counts_its_difference_and_its_tests(tmp_path: Path):
    data = store(tmp_path, {"A": ["1111110000"], "B": ["1100001100"], "C": ["1000000000"]})
    ((_, report),) = data.boards.items()
    found = {one.column: one for one in compare_lines(report, data.outcomes(report.rows["run"].unique()))}
    assert [*found] == ["Worst", "Clean", "FGSM"]
    first = found["FGSM"].pairs[0]
    assert (first.both, first.only_one, first.only_other, first.neither) == (2, 4, 2, 2)
    assert first.points == pytest.approx(20)
    assert first.p == mcnemar(4, 2)
    one, other = (np.array(list(bits)) == "1" for bits in ("1111110000", "1100001100"))
    assert (first.low / 100, first.high / 100) == pytest.approx(paired_bootstrap([one], [other]))
    assert [pair.p_holm for pair in found["FGSM"].pairs] == holm([pair.p for pair in found["FGSM"].pairs])
    assert len(found["FGSM"].pairs) == 3


def test_of_several_seeds_the_two_that_differ_least_are_counted(tmp_path: Path):
    lines = {"A": ["1111111110", "1111000000"], "B": ["0000000000", "1000000001"]}
    data = store(tmp_path, lines)
    ((_, report),) = boards(tmp_path).items()
    (pair,) = compare_lines(report, data.outcomes(report.rows["run"].unique()))[0].pairs
    first, second = ([np.array(list(bits)) == "1" for bits in lines[name]] for name in "AB")
    tests = {(i, j): mcnemar_over_seeds([first[i]], [second[j]]) for i, j in product(range(2), range(2))}
    assert pair.p == max(tests.values()) == tests[pair.seed, pair.other_seed]
    assert pair.both + pair.only_one + pair.only_other + pair.neither == 10
    assert pair.points == pytest.approx(100 * (np.mean(first) - np.mean(second)))


def test_outcomes_are_packed_in_the_order_of_the_images():
    packed = base64.b64decode(pack(np.array([1, 0, 0, 0, 0, 0, 0, 1, 1], bool)))
    assert packed == bytes([0b10000001, 0b10000000])


def test_what_would_take_long_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = store(tmp_path, {"A": ["1111110000"], "B": ["1100001100"], "C": ["1000000000"]})
    ((_, report),) = data.boards.items()
    outcomes = data.outcomes(report.rows["run"].unique())
    monkeypatch.setattr(pairs, "MAX_SECOND_COST", 29)
    assert [one.column for one in compare_lines(report, outcomes)] == ["Worst"]
    monkeypatch.setattr(pairs, "MAX_COST", 10)
    assert [pair[:2] for pair in compare_lines(report, outcomes)[0].pairs] == [(0, 1)]


def test_a_line_whose_cell_failed_is_compared_with_none(tmp_path: Path):
    data = store(tmp_path, {"A": ["1111110000"], "B": ["1100001100"]})
    measure(tmp_path, "", "1111111111", recipe="C")
    measure(tmp_path, "FGSM", None, recipe="C", n=10, status="failed: <no memory>")
    ((_, report),) = data.boards.items()
    found = {one.column: one for one in compare_lines(report, data.outcomes(report.rows["run"].unique()))}
    assert [len(found[column].pairs) for column in ("Worst", "Clean", "FGSM")] == [1, 3, 1]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A site of three lines, whose images a caller hands in."""
    store(tmp_path / "results", {"A": ["1111110000"], "<b>B": ["1100001100"], "C": ["1000000000"]})
    pixels = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1).repeat(4, 2).repeat(4, 3) * 20
    images = CleanImages(pixels, tuple(f"class <{i}>" for i in range(10)))
    write_site(tmp_path / "results", tmp_path / "reports", SiteSources(test_images=lambda name, ids: images))
    return next((tmp_path / "reports/compare").glob("*.html"))


def test_the_column_that_ranks_is_the_first_that_is_shown(written: Path):
    data = re.search(r'id="pairs">(.*?)</script>', written.read_text(encoding="utf-8"), re.DOTALL)
    assert data is not None
    assert [*json.loads(data[1])["columns"]] == ["Worst", "Clean", "FGSM"]


def test_images_lie_in_one_picture(written: Path):
    from PIL import Image

    (path,) = (written.parent / "images").iterdir()
    picture = np.asarray(Image.open(path))
    assert picture.shape == (4, 4 * IMAGES_IN_A_ROW)
    assert picture[0, ::4].tolist()[:10] == [20 * i for i in range(10)]


@pytest.mark.slow
def test_a_page_of_ninety_three_lines_stays_small(tmp_path: Path):
    draw = np.random.default_rng(0)
    lines = {f"R{i}": ["".join(map(str, draw.integers(0, 2, 300)))] for i in range(93)}
    for recipe, (bits,) in lines.items():
        measure(tmp_path, "", "1" * 300, recipe=recipe)
        measure(tmp_path, "FGSM", bits, recipe=recipe)
    files = {path: text for path, text in site_files(SiteData(tmp_path), frozenset()).items() if "compare/" in path}
    (text,) = files.values()
    assert isinstance(text, str)
    assert len(text.encode()) < 2_000_000
    assert text.count('<tr><th scope="row">') == MAX_PAIRS
    assert MAX_IMAGES >= 300


@pytest.mark.browser
def test_two_lines_are_chosen_and_the_address_keeps_them(written: Path, visit: Open):
    page = visit(written)
    page.locator("select[name=b]").select_option("C")
    page.locator("select[name=c]").select_option("FGSM")
    found = page.locator("#found")
    assert found.locator(".cross td.num").all_text_contents() == ["1", "5", "0", "4"]
    assert "A gets 50.0 points more than C" in found.text_content()
    assert "A alone: 5 images" in found.text_content()
    assert found.locator(".tile").first.get_attribute("aria-label") == "test image 1: class <1>"
    address = page.url.partition("#")[2]
    again = visit(written, f"#{address}")
    assert again.locator("#found .cross td.num").all_text_contents() == ["1", "5", "0", "4"]
    again.locator("select[name=a]").select_option("<b>B")
    again.locator("select[name=b]").select_option("A")
    assert "<b>B gets 20.0 points less than A" in again.locator("#found").text_content()


@pytest.mark.browser
def test_a_method_is_opened_from_its_board_and_leads_to_a_comparison(written: Path, visit: Open):
    board = next((written.parents[1] / "boards").glob("*.html"))
    page = visit(board)
    page.locator("#board tbody th a", has_text="C").click()
    assert page.locator("h1").text_content() == "C"
    page.get_by_text("Compare with the best line, A").click()
    assert "A" in page.locator("#found h2").text_content()
    assert page.locator("#pair select").first.input_value() == "0"
    assert page.locator("#pair select").nth(1).input_value() == "2"


@pytest.mark.browser
def test_without_scripts_the_pairs_are_a_table(written: Path, visit: Open):
    page = visit(written, java_script_enabled=False)
    assert page.locator(".names tbody tr").count() == 3
    assert not page.locator("#pair").is_visible()
