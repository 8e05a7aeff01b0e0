"""Figures say what they show: names in words that neither meet nor are cut, axes that fit, nothing void."""

from pathlib import Path

import pandas as pd
import pytest
from drawn import cut_texts, overlapping_texts, shown_texts

from bench.report.boards import Board
from bench.report.labels import panel_names
from bench.report.plotting.limits import fitted_limits, limits_from_zero
from bench.report.sweeps.figures import lines
from bench.report.sweeps.page import SweepsPage, display, note
from bench.report.sweeps.table import areas, over_eps, sweep_boards
from bench.report.table_text import MISSING
from bench.results.store import load

pytestmark = pytest.mark.figures
PUBLISHED = Path(__file__).parents[2] / "results/published"
SWEEPS = [
    "FGSM",
    "PGD-10, steps of 2/255",
    "PGD-10, steps of 4/255",
    "PGD-10, steps of 8/255",
    "PGD-10, steps of 0.25eps",
]


def assert_is_readable(figure):
    assert overlapping_texts(figure) == []
    assert cut_texts(figure) == []


@pytest.fixture(scope="module")
def swept() -> pd.DataFrame:
    (rows,) = sweep_boards(load(PUBLISHED / "cifar10-resnet8-papers")).values()
    return rows


def test_a_ball_of_any_size_is_said_in_words_and_files_keep_their_names():
    board = Board(1, "cifar10", "resnet8", "L2", float("inf"), "quick", 128)
    assert board.threat == "L2 of any length"
    assert "inf" not in board.title
    assert board.identity.shown == ("cifar10", "resnet8", "L2 inf", "quick")
    assert board._replace(eps=8 / 255).threat == "L2 8/255"


def test_how_many_radii_a_sweep_has_is_said_where_two_differ_in_it_alone():
    panels = ["FGSM, swept over 12 radii", "FGSM", "PGD-10 [step=0.25eps], swept over 5 radii"]
    assert list(panel_names(panels).values()) == ["FGSM, swept over 12 radii", "FGSM", "PGD-10, steps of 0.25eps"]


def test_axes_fit_what_is_drawn():
    assert limits_from_zero([20.0, float("nan"), 30.0], 0.1) == (0, pytest.approx(33))
    assert limits_from_zero([]) == (0, pytest.approx(106))
    assert fitted_limits([10.0, 30.0], 0.1) == (8, 32)
    low, high = fitted_limits([50.0, 51.0], 0)
    assert (low, high) == (48, 53)
    assert fitted_limits([0.0, 100.0]) == (0, 102)


def test_curves_over_eps_are_named_in_words_on_an_axis_that_fits(swept):
    points = over_eps(swept)
    figure = lines(points, "cifar10, resnet8", None, 10.0)
    assert [axes.get_title().replace("\n", " ") for axes in figure.axes if axes.get_visible()] == SWEEPS
    assert figure.axes[0].get_ylim() == (0, pytest.approx(1.06 * points["high"].max()))
    assert_is_readable(figure)
    assert not any("00784" in text for text, _ in shown_texts(figure))


def test_a_median_radius_stands_only_where_half_of_the_clean_images_are_right(swept):
    table = areas(swept, over_eps(swept))
    assert (table["median"] == 0).all()
    shown = display(table)
    assert list(shown) == ["Attack", "Recipe", "Area (%)", "Seeds"]
    assert list(shown["Attack"].unique()) == sorted(SWEEPS, key=lambda name: name.replace("0.25eps", "9"))
    assert "edian" not in note(table)
    one_more = table.assign(**{"median": [2 / 255, *table["median"][1:]], "median low": float("nan")})
    assert list(display(one_more)["Median eps"]) == ["2/255"] + [MISSING] * (len(table) - 1)
    assert "a dash where half of the clean images are wrong" in note(one_more)


def test_the_page_of_sweeps_says_attacks_in_words():
    page = SweepsPage().files(PUBLISHED / "cifar10-resnet8-papers")["sweeps.md"]
    assert "PGD-10, steps of 2/255 |" in page
    assert "[step=" not in page
