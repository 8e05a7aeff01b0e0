"""Names of 180 letters are shortened in figures, where matplotlib's layout of them whole would take minutes."""

from functools import partial
from pathlib import Path

import pytest
from figure_texts import cut_texts, overlapping_texts, shown_texts

from bench.report.corruptions.figures import heat_map as corruption_map
from bench.report.corruptions.figures import severity_curves
from bench.report.corruptions.page import find_tables
from bench.report.leaderboard.bars import bars
from bench.report.leaderboard.figures import curves, overlay
from bench.report.leaderboard.page import boards
from bench.report.leaderboard.scatter import scatter
from bench.report.leaderboard.table import ranking_column
from bench.report.plotting.style import MAX_TITLE_LINES
from bench.report.plotting.texts import shorten, wrap_title
from bench.report.sweeps.figures import lines
from bench.report.sweeps.table import over_eps, sweep_boards
from bench.report.training_logs import read_training_log
from bench.report.transfer.figures import heat_map as transfer_map
from bench.report.transfer.page import find_matrices
from bench.results.load import load_results
from bench.results.survey import run_folders

pytestmark = pytest.mark.figures
PUBLISHED = Path(__file__).parents[2] / "results/published"
PAPERS = PUBLISHED / "cifar10-resnet8-papers"
TITLE = f"cifar10, {'m' * 180}, Linf 8/255, quick, n=300"


def long(name: str) -> str:
    """A name of 180 wide letters; those of two names differ at both ends."""
    return f"{name}-{'w' * (178 - 2 * len(name))}-{name}"


def bars_of_long_names():
    (table,) = (report.table for board, report in boards(PAPERS).items() if board.threat == "Linf 0.04")
    return bars(table.assign(recipe=table["recipe"].map(long)), TITLE, ranking_column(table))


def bars_of_long_attacks():
    (table,) = (report.table for board, report in boards(PAPERS).items() if board.threat == "Linf 0.04")
    renamed = table.rename(columns=lambda column: column.replace("AutoAttack", "A" * 180))
    return bars(renamed, TITLE, ranking_column(renamed))


def scatter_of_long_names():
    (table,) = (report.table for board, report in boards(PAPERS).items() if board.threat == "Linf 0.04")
    return scatter(table.assign(recipe=table["recipe"].map(long)), TITLE, ranking_column(table))


def corruptions_of_long_names(draw):
    (found,) = find_tables(PUBLISHED / "cifar10-resnet8-corruptions").values()
    cells = found.cells.assign(
        recipe=found.cells["recipe"].map(lambda name: name if name == "Standard" else long(name))
    )
    return draw(found._replace(cells=cells), TITLE)


def transfer_of_long_names():
    matrix = next(iter(find_matrices(PAPERS).values()))
    names = {name: long(name) for name in {*matrix.cells["source"], *matrix.cells["target"]}}
    cells, bounds = matrix.cells.replace(names), matrix.bounds.replace(names)
    return transfer_map(matrix._replace(cells=cells, bounds=bounds), TITLE)


def sweeps_of_long_names():
    (rows,) = sweep_boards(load_results(PAPERS)).values()
    points = over_eps(rows)
    return lines(points.assign(recipe=points["recipe"].map(long)), TITLE, None, 10.0)


def trainings_of_long_names(draw):
    folders = run_folders(PUBLISHED / "cifar10-resnet8-quick")
    return draw({long(folder.parent.name): [read_training_log(folder)] for folder in folders}, TITLE)


FIGURES = {
    "bars": bars_of_long_names,
    "bars of attacks": bars_of_long_attacks,
    "scatter": scatter_of_long_names,
    "corruptions": partial(corruptions_of_long_names, corruption_map),
    "severities": partial(corruptions_of_long_names, severity_curves),
    "transfer": transfer_of_long_names,
    "sweeps": sweeps_of_long_names,
    "trainings": partial(trainings_of_long_names, curves),
    "trainings in one panel": partial(trainings_of_long_names, overlay),
}


@pytest.mark.slow
@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_figures_of_long_names_are_whole(draw):
    figure = draw()
    assert cut_texts(figure) == []
    assert overlapping_texts(figure) == []
    texts = [text for text, _ in shown_texts(figure)]
    assert any("…" in text for text in texts)


def test_a_name_keeps_both_ends():
    assert shorten("a" * 32) == "a" * 32
    found = shorten(f"first{'w' * 170}last", 21)
    assert (len(found), found[:5], found[10], found[-4:]) == (21, "first", "…", "last")


@pytest.mark.parametrize("width", [0.1, 1.0, 6.8])
def test_a_title_has_a_limited_number_of_lines(width):
    found = wrap_title(f"{'word ' * 200}end", width, MAX_TITLE_LINES).splitlines()
    assert len(found) <= MAX_TITLE_LINES
    assert wrap_title("PGD-20, n=300", 6.8, 1) == "PGD-20, n=300"
