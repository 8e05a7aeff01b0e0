"""Figures are drawn last, here or in worker processes; an earlier report is removed once the new one is computed."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pandas as pd
import pytest
from matplotlib.figure import Figure
from result_files import measure

from bench.core.errors import BadInput
from bench.core.files import TEMPORARY_SUFFIX
from bench.report import drawing as studio
from bench.report.files import LIST_NAME, figure, replace_files, replace_folders
from bench.report.leaderboard.bars import bars
from bench.report.leaderboard.figures import curves
from bench.report.leaderboard.page import boards
from bench.report.leaderboard.table import ranking_column
from bench.report.plotting.style import fix_layout
from bench.report.write import write_reports

pytestmark = pytest.mark.figures

HERE = os.getpid()


def plot(height: float) -> Figure:
    drawn = Figure(figsize=(1, 1))
    drawn.subplots().plot([0, height])
    return drawn


def killed_elsewhere(parent: int) -> Figure:
    if os.getpid() != parent:
        os.kill(os.getpid(), 9)
    return plot(1)


def broken() -> Figure:
    raise ZeroDivisionError("of no use")


def asked(*draws):
    return {name: draw for i, draw in enumerate(draws) for name, draw in figure(f"f{i}", draw).items()}


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(studio, "FEW_FIGURES", 1)


@pytest.mark.slow
def test_other_processes_draw_what_this_one_draws(tmp_path, few):
    draws = [partial(plot, height) for height in (1, 2, 3)]
    written = replace_folders({tmp_path / "beside": asked(*draws)}, processes=2)
    replace_files(tmp_path / "here", asked(*draws))
    assert [path.name for path in written] == ["f0.png", "f0.pdf", "f1.png", "f1.pdf", "f2.png", "f2.pdf"]
    for path in written:
        assert path.read_bytes() == (tmp_path / "here" / path.name).read_bytes()


@pytest.mark.slow
def test_what_a_killed_process_left_is_drawn_here(tmp_path, few):
    draws = [partial(plot, 1), partial(killed_elsewhere, HERE), partial(plot, 2)]
    written = replace_folders({tmp_path: asked(*draws)}, processes=2)
    assert len(written) == 6
    assert all(path.stat().st_size > 500 for path in written)


@pytest.mark.slow
def test_an_error_of_another_process_is_told(tmp_path, few):
    with pytest.raises(ZeroDivisionError, match="of no use"):
        replace_folders({tmp_path: asked(partial(plot, 1), broken)}, processes=2)


def test_a_report_deletes_what_it_wrote_and_nothing_else(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    replace_files(tmp_path / "page", {"old.tex": "text", "new.md": "text"})
    page = tmp_path / "page"
    names = {
        f".f0.png.x1y2{TEMPORARY_SUFFIX}",
        f".f1.png.x1y2{TEMPORARY_SUFFIX}",
        ".hidden.md",
        ".bashrc",
        "mine.md",
        "mine.png",
    }
    for name in names:
        (page / name).touch()
    (outside / f".rc{TEMPORARY_SUFFIX}").touch()
    (page / f".link{TEMPORARY_SUFFIX}").symlink_to(outside / f".rc{TEMPORARY_SUFFIX}")
    os.utime(page / f".f0.png.x1y2{TEMPORARY_SUFFIX}", (0, 0))  # nobody is writing it any more
    with (page / LIST_NAME).open("a") as list_:
        list_.write("../outside/victim.md\n/etc/passwd.md\nsub\n")
    (outside / "victim.md").touch()
    replace_files(page, {"new.md": "text"})
    kept = names - {f".f0.png.x1y2{TEMPORARY_SUFFIX}"} | {"new.md", LIST_NAME, f".link{TEMPORARY_SUFFIX}"}
    assert {path.name for path in page.iterdir()} == kept
    assert {path.name for path in outside.iterdir()} == {f".rc{TEMPORARY_SUFFIX}", "victim.md"}


def names_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_names_with_folders_replace_those_of_a_flat_report_and_the_other_way_round(tmp_path):
    replace_files(tmp_path, {"board-bars.csv": "old", "all.md": "old"})
    written = replace_files(tmp_path, {"all.md": "new", "board/bars.csv": "1", "board/deep/x.json": b"\xff"})
    assert written == [tmp_path / "all.md", tmp_path / "board/bars.csv", tmp_path / "board/deep/x.json"]
    assert names_below(tmp_path) == {LIST_NAME, "all.md", "board/bars.csv", "board/deep/x.json"}
    assert (tmp_path / "board/deep/x.json").read_bytes() == b"\xff"
    replace_files(tmp_path, {"board-bars.csv": "again"})
    assert {path.name for path in tmp_path.iterdir()} == {LIST_NAME, "board-bars.csv"}


def test_folders_with_files_of_somebody_stay_and_links_are_not_followed(tmp_path):
    page, outside = tmp_path / "page", tmp_path / "outside"
    outside.mkdir()
    (outside / "x.md").write_text("theirs")
    replace_files(page, {"board/x.md": "1", "other/x.md": "1", "third/x.md": "1"})
    (page / "board/mine.md").touch()
    (page / "other/x.md").unlink()
    (page / "other").rmdir()
    (page / "other").symlink_to(outside)
    with pytest.raises(BadInput, match="leads out of"):
        replace_files(page, {"other/x.md": "2"})
    replace_files(page, {"new.md": "text"})
    assert names_below(page) == {LIST_NAME, "new.md", "board/mine.md"}
    assert (page / "other").is_symlink()
    assert (outside / "x.md").read_text() == "theirs"
    assert not (page / "third").exists()


@pytest.mark.parametrize("in_the_way", ["board", "board/x.md/mine.csv"])
def test_what_is_in_the_way_is_named_before_anything_is_deleted(tmp_path, in_the_way):
    replace_files(tmp_path, {"old.md": "old"})
    (tmp_path / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / in_the_way).write_text("mine")
    with pytest.raises(BadInput, match=r"(board is a file where|x\.md is a folder where) the report"):
        replace_files(tmp_path, {"new.md": "new", "board/x.md": "new"})
    assert names_below(tmp_path) == {LIST_NAME, "old.md", in_the_way}


def test_a_readme_of_somebody_stays_and_one_of_a_report_is_replaced(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    for _ in range(2):
        assert replace_files(tmp_path, {"README.md": "1", "a.md": "text"}) == [tmp_path / "a.md"]
    replace_files(tmp_path, {})
    assert names_below(tmp_path) == {"README.md"}
    assert (tmp_path / "README.md").read_text() == "mine"
    (tmp_path / "README.md").unlink()
    for text in ("1", "2"):
        assert replace_files(tmp_path, {"README.md": text}) == [tmp_path / "README.md"]
        assert (tmp_path / "README.md").read_text() == text


def test_a_broken_folder_leaves_the_report_that_there_was(tmp_path):
    row = measure(tmp_path / "results", "", "1111111111")
    measure(tmp_path / "results", "AutoAttack", "1111100000")
    write_reports(tmp_path / "results", tmp_path / "reports")
    before = {path: path.read_bytes() for path in (tmp_path / "reports").rglob("*.*")}
    (tmp_path / "results" / row.run / "outcomes.npz").write_bytes(b"PK")
    with pytest.raises(BadInput, match=r"outcomes\.npz cannot be read"):
        write_reports(tmp_path / "results", tmp_path / "reports")
    assert {path: path.read_bytes() for path in (tmp_path / "reports").rglob("*.*")} == before


def test_a_long_title_is_above_the_panels(tmp_path):
    for recipe in ("A", "B"):
        measure(tmp_path, "", "1111111111", recipe=recipe)
    (report,) = boards(tmp_path).values()
    drawn = bars(report.table, "cifar10, resnet8, a very long budget, n=10, " * 4, ranking_column(report.table))
    fix_layout(drawn)
    below = max(axes.get_tightbbox().y1 for axes in drawn.axes)
    title = drawn.get_suptitle()
    assert title.count("\n") == 1
    assert drawn._suptitle.get_window_extent().y0 >= below


def test_of_many_accuracies_the_lowest_are_drawn_and_those_that_rank(tmp_path):
    for recipe in ("A", "B"):
        measure(tmp_path, "", "1111111100", recipe=recipe)
        for steps in range(1, 13):
            measure(tmp_path, f"PGD-{steps}", "1" * (8 - steps // 2) + "0" * (2 + steps // 2), recipe=recipe)
    measure(tmp_path, "AutoAttack", "1111111100", recipe="A")
    (report,) = boards(tmp_path).values()
    drawn = bars(report.table, "board", ranking_column(report.table))
    shown = [axes.get_title() for axes in drawn.axes]
    assert len(shown) == 12
    assert {"Clean", "AutoAttack", "PGD-12"} <= set(shown)
    assert "PGD-1" not in shown
    assert drawn.get_suptitle() == "board, 12 of 15 accuracies"


def test_curves_of_one_epoch_and_of_none_known_have_whole_ticks_and_no_empty_names():
    log = pd.DataFrame({"epoch": [1.0], "val_clean": [0.5], "val_pgd": [float("nan")]})
    drawn = curves({"A": [log, log]}, "title")
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["hold-out, clean"]
    assert all(tick == round(tick) for tick in drawn.axes[0].get_xticks())


def test_reports_at_once_end_with_one_whole_report(tmp_path):
    def write(which):
        pages = {f"{name}.md": f"{name} {which} " * 500 for name in "abc"} | {f"board-{which % 2}/deep/rows.csv": "x"}
        for _ in range(20):  # each deletes the folder that the others have just made
            replace_files(tmp_path, pages)

    with ThreadPoolExecutor(8) as pool:
        assert not [error for error in pool.map(write, range(8)) if error]
    replace_files(tmp_path, {"a.md": "text"})
    boards = {f"board-{which}/deep/rows.csv" for which in range(2)}
    assert {"a.md", LIST_NAME} <= names_below(tmp_path) <= {"a.md", LIST_NAME, *boards}
