"""Figures say what they show: names in words that neither meet nor are cut, axes that fit, nothing void."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_texts import cut_texts, overlapping_texts, shown_texts
from matplotlib.colors import to_hex, to_rgb

from bench.report.boards import Board
from bench.report.corruptions.figures import heat_map as corruption_map
from bench.report.corruptions.figures import severity_curves
from bench.report.corruptions.page import find_tables
from bench.report.corruptions.seed_means import ALL_SEVERITIES
from bench.report.exhibits.figures import feature_maps
from bench.report.labels import line_name, panel_names
from bench.report.leaderboard.bars import arrange, bars
from bench.report.leaderboard.page import LeaderboardPage, boards
from bench.report.leaderboard.scatter import COST_COLUMN, is_scatter, scatter
from bench.report.leaderboard.table import accuracies, drop_unattacked, ranking_column
from bench.report.plotting.attack_colours import attack_colour
from bench.report.plotting.limits import fitted_limits, limits_from_zero
from bench.report.sweeps.figures import lines
from bench.report.sweeps.page import SweepsPage, display, note
from bench.report.sweeps.table import areas, over_eps, sweep_boards
from bench.report.table_formats.table_text import MISSING
from bench.report.transfer.figures import heat_map as transfer_map
from bench.report.transfer.page import find_matrices
from bench.results.load import load_results

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
    (rows,) = sweep_boards(load_results(PUBLISHED / "cifar10-resnet8-papers")).values()
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


def contrast(colour: str) -> float:
    """Of a colour on white, as WCAG has it."""
    return 1.05 / (float(linear(colour) @ [0.2126, 0.7152, 0.0722]) + 0.05)


def linear(colour: str) -> np.ndarray:
    share = np.array(to_rgb(colour))
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def seen_as(colour: str, eyes: str) -> np.ndarray:
    """Lab of what a colour looks like to eyes without one kind of cones (Machado, Oliveira and Fernandes, 2009)."""
    xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    seen = np.clip(np.array(EYES[eyes]) @ linear(colour), 0, 1)
    x, y, z = np.cbrt(np.maximum(0.001, xyz @ seen / [0.9505, 1, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


EYES = {
    "all": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}
COLUMNS = ["Clean", "Worst", "AutoAttack", "PGD-20", "CW-20", "FGSM", "Square", "x-mine"]


@pytest.mark.parametrize("eyes", EYES)
def test_colours_of_attacks_are_dark_enough_and_told_apart(eyes):
    colours = [attack_colour(column) for column in COLUMNS]
    assert min(map(contrast, colours)) >= 3  # what WCAG asks of graphics
    seen = [seen_as(colour, eyes) for colour in colours]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 8


def test_an_attack_has_one_colour_on_every_board():
    for one, other in [("PGD-20.last", "PGD-7 [start=clean]"), ("AutoAttack", "AutoAttack+"), ("R-LL", "FGSM.last")]:
        assert attack_colour(one) == attack_colour(other)
    for name in ("cifar10-resnet8-papers", "cifar10-resnet8-quick", "digits-quick"):
        for report in boards(PUBLISHED / name).values():
            for axes in (axes for axes in bars(report.table, "", ranking_column(report.table)).axes if axes.patches):
                face = axes.patches[0].get_facecolor()
                assert to_hex(face[:3]).upper() == attack_colour(axes.get_title())


@pytest.fixture(scope="module")
def papers() -> dict[str, pd.DataFrame]:
    """The boards of the papers by what an attacker may do."""
    return {board.threat: report.table for board, report in boards(PUBLISHED / "cifar10-resnet8-papers").items()}


def test_every_panel_of_bars_has_a_number_and_every_row_of_panels_its_own_lines(papers):
    for table in papers.values():
        figure = bars(drop_unattacked(table), "cifar10, resnet8, Linf 8/255, quick", ranking_column(table))
        assert_is_readable(figure)
        for axes in (axes for axes in figure.axes if axes.get_visible()):
            texts = [text.get_text() for text in axes.texts]
            assert any(text.isdigit() for text in texts)
            assert not {MISSING, "nan"} & {*texts}
            lacking = texts.count("")
            assert axes.get_xlabel() == (f"{lacking} of {len(texts)} not measured" if lacking else "")
            assert axes.get_xlim()[0] == 0
        assert figure.axes[0].get_xlim()[1] < 70  # the highest interval ends at 48
    wide = arrange(papers["Linf 8/255"], accuracies(papers["Linf 8/255"]))
    assert [len(row.lines) for row in wide] == [33, 14, 6]


def test_what_is_suspect_or_partial_looks_so_and_is_explained(papers):
    suspect = drawn(bars, papers["L2 of any length"])
    clean, attacked, _ = (axes.patches[0] for axes in suspect.axes if axes.get_visible())
    assert (clean.get_hatch(), attacked.get_hatch()) == (None, "//////")
    assert legend_of(suspect) == ["95 % interval", "suspect (see the notes)"]
    partial = drawn(bars, papers["Linf 8/255"])
    assert legend_of(partial) == ["95 % interval", "Worst of fewer attacks than others have"]
    assert legend_of(drawn(bars, papers["Linf 0.04"])) == ["95 % interval"]
    assert legend_of(drawn(scatter, papers["L2 of any length"])) == ["suspect (see the notes)", "95 % intervals"]


def drawn(draw, table):
    """A figure of a whole board."""
    return draw(table, "board", ranking_column(table))


def legend_of(figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_no_scatter_is_drawn_of_clean_against_clean_of_one_point_or_of_one_cost(papers):
    assert not is_scatter(papers["Linf 0.08"], "Clean", "Clean")
    assert ranking_column(papers["Linf 0.08"]) == "Clean"  # only last iterates were scored
    table = papers["Linf 0.04"]
    assert ranking_column(table) == "AutoAttack"
    assert is_scatter(table, "Clean", "AutoAttack")
    assert is_scatter(table, COST_COLUMN, "AutoAttack")
    assert not is_scatter(table.dropna(subset="AutoAttack").head(1), "Clean", "AutoAttack")
    assert not is_scatter(table.assign(passes=4.0), COST_COLUMN, "AutoAttack")
    assert is_scatter(table.assign(Clean=50.0), "Clean", "AutoAttack")
    files = LeaderboardPage().files(PUBLISHED / "cifar10-resnet8-papers")
    void = "cifar10-resnet8-linf-0.08-quick"
    assert {path for path in files if path.startswith(void) and path.endswith("png")} == {f"{void}/bars.png"}
    assert "scatter" not in files[f"{void}/board.md"]
    assert not [path for path in files if path.startswith("cifar10-cnn-clean") and path.endswith("png")]  # one number


def test_names_stand_off_the_intervals_that_are_drawn(papers):
    figure = drawn(scatter, papers["Linf 0.04"])
    assert_is_readable(figure)
    names = {text: box for text, box in shown_texts(figure) if text in ("IAT", "M-TLAT", "Standard")}
    for line in papers["Linf 0.04"].dropna(subset="AutoAttack").to_dict("records"):
        x, y = figure.axes[0].transData.transform((line["Clean"], line["AutoAttack"]))
        box = names[line["recipe"]]
        assert not box.y0 <= y <= box.y1
        assert not box.x0 <= x <= box.x1


def test_many_points_are_readable_and_their_intervals_are_said(papers):
    figure = drawn(scatter, papers["Linf 8/255"])
    assert_is_readable(figure)
    (axes,) = figure.axes
    assert axes.get_ylabel() == "Accuracy under AutoAttack (%)"
    assert axes.get_xlim()[0] > 10
    assert legend_of(figure) == ["95 % intervals (median): ±8.5 across, ±6.1 up"]
    assert not axes.collections
    names = {name for text in axes.texts for name in text.get_text().splitlines()}
    assert names == {line_name(recipe) for recipe in papers["Linf 8/255"].dropna(subset="AutoAttack")["recipe"]}


@pytest.fixture(scope="module")
def corrupted():
    (found,) = find_tables(PUBLISHED / "cifar10-resnet8-corruptions").values()
    return found


def test_corruptions_are_drawn_as_differences_to_standard_with_a_scale(corrupted):
    figure = corruption_map(corrupted, "cifar10, resnet8, quick")
    assert_is_readable(figure)
    axes, bar = figure.axes
    assert bar.get_ylabel() == "Points above Standard"
    low, high = axes.collections[0].get_clim()
    assert low == -high
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["Standard, accuracy (%)", "M-TLAT", "Mixup", "TLAT", "AVmixup", "PGD-AT"]
    cells = corrupted.cells[corrupted.cells["severity"] == ALL_SEVERITIES].set_index(["name", "recipe"])["accuracy"]
    noise = 100 * cells["gaussian_noise"]
    texts = [text.get_text() for text in axes.texts]
    assert texts[0] == f"{noise['Standard']:.0f}"
    assert texts[-23] == f"{noise['PGD-AT'] - noise['Standard']:+.0f}"


def test_without_standard_corruptions_are_drawn_as_accuracies_on_a_scale_that_fits(corrupted):
    others = corrupted._replace(cells=corrupted.cells[corrupted.cells["recipe"] != "Standard"])
    axes, bar = corruption_map(others, "board").axes
    assert bar.get_ylabel() == "Accuracy (%)"
    shown = axes.collections[0]
    assert shown.get_clim() == (shown.get_array().min(), shown.get_array().max())


def test_lines_over_severities_are_told_apart_and_named_in_their_last_order(corrupted):
    figure = severity_curves(corrupted, "cifar10, resnet8, quick")
    assert_is_readable(figure)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    low, high = panels[0].get_ylim()
    assert 5 < low < 15
    assert 35 < high < 45
    cells = corrupted.cells[(corrupted.cells["severity"] == 5) & (corrupted.cells["kind"] == "corruption")]
    last = cells.groupby("recipe")["accuracy"].mean().sort_values(ascending=False)
    assert legend_of(figure) == [*last.index, "intervals (median): ±5.3"]
    assert figure.legends[0].get_title().get_text() == "Severity"
    below = [axes for axes in panels if axes.xaxis.get_tick_params()["labelbottom"]]
    assert below == panels[-5:]  # the lowest of each column


def test_few_lines_over_severities_have_bands():
    (found,) = find_tables(PUBLISHED / "cifar10-resnet8-papers").values()
    figure = severity_curves(found, "board")
    assert len(figure.axes[0].collections) == 3
    assert legend_of(figure) == ["Standard", "M-TLAT", "IAT"]


def test_a_transfer_matrix_explains_its_frames_and_fits_its_scale():
    found = {attack: matrix for (_, attack), matrix in find_matrices(PUBLISHED / "cifar10-resnet8-papers").items()}
    figure = transfer_map(found["FGSM.last"], "cifar10, resnet8, Linf 8/255, quick, FGSM.last")
    assert_is_readable(figure)
    assert legend_of(figure) == ["images made on the target itself"]
    axes = figure.axes[0]
    shown = axes.collections[0]
    assert shown.get_clim() == (shown.get_array().min(), shown.get_array().max())
    assert axes.get_yticklabels()[0].get_text() == "FGSM training"


@pytest.mark.parametrize(("after", "states"), [("1 1", []), ("0 0", ["blocked"]), ("3 3", ["magnified"])])
def test_the_legend_of_feature_maps_has_what_is_drawn(after, states):
    maps = {("before", 0): "1 1", ("before", 1): "1 1", ("after", 0): "1 1", ("after", 1): after}
    lines = [
        {"when": when, "channel": channel, "height": 1, "width": 2, "pixels": pixels}
        for (when, channel), pixels in maps.items()
    ]
    figure = feature_maps(pd.DataFrame(lines), "title")
    assert legend_of(figure) == states
    assert sum(len(axes.patches) for axes in figure.axes) == 2 * len(states)
