"""Names of files and folders of a report: short, safe everywhere, and never of two groups."""

import random

import pytest
from result_files import measure

from bench.report.boards import Board
from bench.report.files import GENERATED_SUFFIXES, LIST_NAME, MAX_NAME_LENGTH, file_name, replace_files
from bench.report.folder_names import Identity, folder_names
from bench.report.leaderboard.page import find_folders
from bench.report.readme import FILE_TEXTS, kind_of, readme
from bench.report.write import PAGES, first_pages, write_reports

BOARD = Board(1, "digits", "cnn", "Linf", 0.2, "quick, 20 epochs, 1497 training images", 300, "35090ad1b2ce56eb")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["digits", "cnn", "Linf 8/255"], "digits-cnn-linf-8-255"),
        (["Table 4(b)"], "table-4-b"),
        (["PGD-20.last", "L2 0.5"], "pgd-20-last-l2-0.5"),
        (["", "a", ""], "a"),
        ([""], ""),
        (["Émile: /../../etc\\x"], "emile-etc-x"),
        (["=cmd|' /C calc'!A0 <b>"], "cmd-c-calc-a0-b"),
        (["a.exe."], "a-exe"),
        (["CON"], "con-"),
        (["com1.txt"], "com1-txt"),
        (["\x1b[31m\n"], "31m"),
    ],
)
def test_a_name_has_letters_digits_and_dots_in_numbers(words, name):
    assert file_name(*words) == name


def test_what_has_no_such_letter_or_is_too_long_has_a_hash():
    assert len({file_name("数据"), file_name("画像"), file_name("..")}) == 3
    names = {file_name("x" * 300 + end) for end in "ab"}
    assert len(names) == 2
    assert {len(name) for name in names} == {MAX_NAME_LENGTH}


def names_of(*boards):
    return list(folder_names({board: board.identity for board in boards}).values())


def test_a_folder_is_named_after_what_a_reader_looks_for():
    assert names_of(BOARD) == ["digits-cnn-linf-0.2-quick"]
    assert names_of(BOARD, BOARD._replace(eps=0.1)) == ["digits-cnn-linf-0.2-quick", "digits-cnn-linf-0.1-quick"]


@pytest.mark.parametrize(
    ("other", "ends"),
    [
        ({"n": 10}, ["n300", "n10"]),
        ({"protocol": 2}, ["p1", "p2"]),
        ({"data": "beefbeefbeef"}, ["35090a", "beefbe"]),
        ({"budget": "quick, 5 epochs, 1497 training images"}, ["20-epochs", "5-epochs"]),
        ({"budget": BOARD.budget + ", plan.lr=0.1"}, ["", "plan-lr-0.1"]),
        ({"n": 10, "protocol": 2}, ["n300", "n10"]),
    ],
)
def test_what_tells_two_groups_apart_joins_their_names(other, ends):
    expected = [f"digits-cnn-linf-0.2-quick-{end}".rstrip("-") for end in ends]
    assert names_of(BOARD, BOARD._replace(**other)) == expected
    assert names_of(BOARD._replace(**other), BOARD) == expected[::-1]


def test_the_more_is_shared_the_more_is_added_and_to_those_alone():
    several = [BOARD, BOARD._replace(n=10), BOARD._replace(n=10, protocol=2), BOARD._replace(model="mlp")]
    stem = "digits-cnn-linf-0.2-quick"
    assert names_of(*several) == [f"{stem}-n300", f"{stem}-n10-p1", f"{stem}-n10-p2", "digits-mlp-linf-0.2-quick"]


def test_hostile_groups_have_a_folder_each_whatever_their_order():
    models = ["a/b", "a\\b", "A B", "a b", "..", "", "CON", "nul", "=1+1", "数", "画", "x" * 300, "x" * 301, "a-b-n300"]
    several = [BOARD._replace(model=model, n=n) for model in models for n in (300, 10)]
    found = folder_names({board: board.identity for board in several})
    assert len(set(found.values())) == len(several)
    assert max(map(len, found.values())) <= MAX_NAME_LENGTH + 7
    assert all(file_name(name) == name for name in found.values() if len(name) <= MAX_NAME_LENGTH)
    random.Random(0).shuffle(several)
    assert folder_names({board: board.identity for board in several}) == found
    assert folder_names({"x": Identity(("",))}) == {"x": "all"}


def test_curves_of_trainings_lie_in_no_board_s_folder():
    board = BOARD._replace(norm="", eps=None)
    other = board._replace(model="cnn-quick", budget="training")
    names = find_folders([board, other])
    assert len(set(names.values())) == len(names) == 4


def test_a_report_says_what_is_where_and_has_short_paths(tmp_path):
    for n, attacked in ((10, "FGSM"), (20, "FGSM"), (20, "PGD-20")):
        alike = {"recipe": f"R{n}", "model": "a" * 90, "budget": "quick, " + "b" * 90}
        measure(tmp_path / "results", "", "1" * n, **alike)
        measure(tmp_path / "results", attacked, "10" * (n // 2), **alike)
        measure(tmp_path / "results", "", "1" * (n - 1) + "0", **alike | {"recipe": "other"})
        measure(tmp_path / "results", attacked, "10" * (n // 2), **alike | {"recipe": "other"})
    reports = tmp_path / "reports"
    written = write_reports(tmp_path / "results", reports)
    assert first_pages(written) == [reports / "leaderboard/leaderboard.md"]
    assert written[-1] == reports / "README.md"
    assert max(len(str(path.relative_to(tmp_path))) for path in written) < 120
    text = (reports / "README.md").read_text()
    folders = {path.parent.relative_to(reports).as_posix() for path in written if path.name == "board.md"}
    assert len(folders) == 2
    assert all(f"- [{folder}]({folder}): digits, aaaa" in text for folder in folders)
    for name in ("board", "rows", "bars", "scatter"):
        assert f"| `{name}` | {FILE_TEXTS[name]} |" in text
    assert "`ledger`" not in text
    assert "(index.html)" in text
    assert {path.suffix for path in written} <= GENERATED_SUFFIXES


def test_every_file_of_every_topic_is_explained(tmp_path):
    for page in PAGES:
        assert f"[{page.folder}/{page.folder}.md]" in readme({page.folder: {f"{page.folder}.md"}}, {}, False)
    text = readme({"m2at": {"m2at.md", "quick/table-1.csv"}}, {"m2at/m2at.md": "m2at: a paper"}, True)
    assert "[m2at/m2at.md](m2at/m2at.md): m2at: a paper.\n\n- [m2at/quick](m2at/quick)\n" in text
    assert "Open [index.html](index.html)" in text
    assert f"| `table` | {FILE_TEXTS[kind_of('quick/table-1.csv')]} |" in text


def test_the_flat_files_of_an_earlier_version_go_and_own_files_stay(tmp_path):
    measure(tmp_path / "results", "FGSM", "1100")
    folder = tmp_path / "reports/leaderboard"
    old = [f"digits-cnn-linf-8-255-quick-n4-p1{end}" for end in ("-bars.png", "-bars.pdf", ".csv", "-rows.csv", ".tex")]
    replace_files(folder, dict.fromkeys(["leaderboard.md", *old], "old"))
    own = [folder / "mine.csv", folder / "digits-cnn-linf-8-255-quick/notes.md", tmp_path / "reports/README.md"]
    for path in own:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    written = write_reports(tmp_path / "results", tmp_path / "reports")
    assert {path.read_text() for path in own} == {"mine"}
    assert tmp_path / "reports/README.md" not in written
    there = {path for path in folder.rglob("*") if path.is_file() and path.name != LIST_NAME}
    assert there == {path for path in [*written, *own] if path.is_relative_to(folder)}
