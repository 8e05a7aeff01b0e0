"""Heat maps: shades are functions of the numbers, and every number stands in its cell."""

import math
from pathlib import Path

import pytest
from result_files import MADE, measure

from bench.report.corruptions.page import CorruptionsPage, find_tables
from bench.report.labels import line_name
from bench.report.site.data import SiteData
from bench.report.site.heat.cells import missing_cell, scale_around, scale_of
from bench.report.site.heat.corruptions import by_corruption, by_severity
from bench.report.site.heat.transfer import heat_map
from bench.report.site.write import site_files
from bench.report.transfer.page import TransferPage, find_matrices

PUBLISHED = Path(__file__).parents[3] / "results/published"


def test_shades_go_from_the_lowest_to_the_highest_or_to_both_sides_of_the_middle():
    one_sided, two_sided = scale_of([20.0, math.nan, 60.0]), scale_around([-2.0, 8.0, math.nan])
    assert [one_sided.shade(value) for value in (20.0, 30.0, 60.0, math.nan)] == [0, 0.25, 1, 0]
    assert (two_sided.low, two_sided.high) == (-8, 8)
    assert [two_sided.shade(value) for value in (-2.0, 0.0, 8.0)] == [-0.25, 0, 1]
    assert scale_of([5.0, 5.0]).shade(5.0) == scale_of([]).shade(1.0) == scale_around([]).shade(0.0) == 0


def test_what_failed_is_told_from_what_was_not_measured():
    assert missing_cell("failed: <out of memory>").text == "failed"
    assert missing_cell("failed: <out of memory>").about == "failed: <out of memory>"
    assert missing_cell("missing").about == "not measured"


def test_a_transfer_matrix_has_every_number_and_frames_a_models_own_images():
    found = find_matrices(PUBLISHED / "cifar10-resnet8-papers")
    for matrix in found.values():
        drawn = heat_map(matrix)
        lines = {source: dict(zip(drawn.columns, cells, strict=True)) for source, cells in drawn.lines}
        for cell in matrix.cells.to_dict("records"):
            shown = lines[line_name(cell["source"])][line_name(cell["target"])]
            assert shown.is_own == cell["itself"]
            assert math.isnan(cell["value"]) or shown.text == f"{100 * cell['value']:.1f}"
        shades = [cell.shade for _, cells in drawn.lines for cell in cells]
        assert min(shades) == 0
        assert max(shades) == 1


def test_corruptions_are_shaded_by_their_difference_to_the_standard_model():
    ((_, scores),) = find_tables(PUBLISHED / "cifar10-resnet8-corruptions").items()
    for drawn in (by_corruption(scores), by_severity(scores)):
        assert drawn.scale.is_diverging
        lines = dict(drawn.lines)
        assert {cell.shade for cell in lines["Standard"]} == {0}
        for cells in lines.values():
            for cell, standard in zip(cells, lines["Standard"], strict=True):
                assert (cell.shade > 0) == (cell.order > standard.order)
    assert len(by_corruption(scores).columns) == 23
    assert by_severity(scores).columns == tuple(f"severity {i}" for i in range(1, 6))


@pytest.mark.parametrize("kind", ["transfer", "corruptions"])
def test_without_such_rows_there_is_no_page_and_no_word_in_the_menu(kind: str):
    files = site_files(SiteData(PUBLISHED / "digits-quick"), frozenset())
    assert not [path for path in files if path.startswith(f"{kind}/")]
    assert f">{kind.capitalize()}</a>" not in files["index.html"]


def test_names_of_models_are_shown_as_text(tmp_path: Path):
    hostile = "<b>'\"&"
    for source, value in (("", "1100"), ("digits/external/x-1", "1000")):
        measure(tmp_path, "FGSM.last", value, recipe=hostile, source=source)
    files = site_files(SiteData(tmp_path), frozenset())
    pages = [html for path, html in files.items() if path.startswith("transfer/")]
    assert pages
    assert all("<b>" not in html and "&lt;b&gt;" in html for html in pages)


def test_a_recipe_with_the_name_of_an_attack_is_told_from_it_and_its_page_is_linked(tmp_path: Path):
    for recipe in ("FGSM", "PGD-AT"):
        measure(tmp_path, "", "1110", recipe=recipe)
        measure(tmp_path, "fog", "1010", recipe=recipe, kind="corruption", severity=1, params=MADE)
        measure(tmp_path, "FGSM.last", "1000", recipe=recipe, source="digits/external/x-1")
    for page in (TransferPage(), CorruptionsPage()):
        text = page.files(tmp_path)[f"{page.folder}/{page.folder}.md".split("/")[1]]
        assert isinstance(text, str)
        assert "FGSM training |" in text
        assert "| FGSM |" not in text
    pages = {path: html for path, html in site_files(SiteData(tmp_path), frozenset()).items() if path.endswith(".html")}
    for folder in ("transfer/", "corruptions/"):
        (html,) = (html for path, html in pages.items() if path.startswith(folder))
        assert '<a href="../methods/fgsm.html">FGSM training</a>' in html
