r"""Tables of LaTeX fit a page: in parts, with their notes below; compiled where there is a LaTeX."""

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from bench.report.leaderboard import formats
from bench.report.leaderboard.page import LeaderboardPage, boards
from bench.report.leaderboard.table import drop_unattacked
from bench.report.leaderboard.text import best, display, heads
from bench.report.studies.page import StudyPage
from bench.report.table_formats.latex import MAX_LINES, TEXT_WIDTH, column_widths, latex_table, table_width
from bench.report.table_formats.latex_text import escape_latex, text_width

PAPERS = Path(__file__).parents[3] / "results/published/cifar10-resnet8-papers"
PACKAGES = r"""\documentclass[10pt]{article}\usepackage[T1]{fontenc}
\usepackage[text={397pt,650pt}]{geometry}\usepackage{booktabs}"""
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
PRINTED = {  # points, as \settowidth says in \footnotesize
    r"15.6 $\pm$7.3": 35.41,
    "AutoAttack": 43.66,
    "PGD-AT-LS0.9.avmixup": 91.51,
    r"\textbf{48.2}": 17.42,
    r"\textbf{48.2} $\pm$7.3": 37.73,
    r"\shortstack[r]{PGD-7.last,\\random start}": 48.69,
    r"a\_b \& 5 \%": 42.02,
}


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Every table of the published boards of five papers, by file name."""
    found = LeaderboardPage().files(PAPERS) | StudyPage("m2at").files(PAPERS)
    return {name: str(text) for name, text in found.items() if name.endswith(".tex")}


@pytest.mark.parametrize("text", PRINTED)
def test_a_text_is_no_wider_than_estimated_and_hardly_wider(text):
    assert PRINTED[text] <= text_width(text) <= 1.07 * PRINTED[text]


def test_a_wide_table_is_in_parts_that_fit_and_begin_with_the_names_of_its_lines(texts):
    text = texts["cifar10-resnet8-linf-8-255-quick/board.tex"]
    parts = text.split(r"\end{table*}")[:-1]
    assert len(parts) == 3
    assert all(re.search(r"\n\\# & Recipe & ", part) for part in parts)
    assert [f"Part {i} of 3." in part for i, part in enumerate(parts, 1)] == [True] * 3
    assert re.findall(r"\\label{(.*)}", text) == [
        f"tab:cifar10-resnet8-linf-8-255-quick{end}" for end in ("", "-2", "-3")
    ]
    assert [part.count("Worst leaves out") for part in parts] == [0, 0, 3]
    (caption, *_) = re.findall(r"\\caption{(.*)}", text)
    assert len(caption) < 250


def test_a_long_table_is_in_parts_too():
    lines = pd.DataFrame({"Recipe": [f"R{i}" for i in range(MAX_LINES + 1)], "Clean": "50.0"})
    one, other = latex_table(lines, ["Recipe"], "c", "tab:x", ["A note."]).split(r"\end{table*}")[:2]
    assert (one.count(r" \\"), other.count(r" \\")) == (MAX_LINES + 1, 2)
    assert "A note." in other
    assert "A note." not in one


def test_notes_that_are_too_long_for_a_page_stand_behind_the_float():
    lines = pd.DataFrame({"Recipe": ["R"] * 40, "Clean": "50.0"})
    text = latex_table(lines, ["Recipe"], "c", "tab:x", ["A long note. " * 200])
    assert text.index(r"\end{table*}") < text.index("A long note.")


def test_bold_stands_on_the_line_that_it_is_of_where_lines_are_left_out():
    for report in boards(PAPERS).values():
        table = drop_unattacked(report.table)
        shown = display(table, heads(table))
        strong = best(table, shown)
        assert list(shown.index) == list(strong.index)
        assert formats.markdown(report.table).count("**") == 2 * int(strong.to_numpy().sum())


def compile_latex(folder: Path, text: str, packages: str = PACKAGES) -> str:
    """The log of pdflatex for a document of this text, which must compile without errors."""
    document = f"{packages}\\begin{{document}}\n{text}\n\\end{{document}}\n"
    (folder / "all.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "all.tex"]
    compiled = subprocess.run(command, cwd=folder, capture_output=True, timeout=60)
    log = (folder / "all.log").read_text(encoding="utf-8", errors="replace")
    assert compiled.returncode == 0, log[-2000:]
    return log


@needs_latex
def test_every_table_compiles_and_fits_the_text(texts, tmp_path):
    log = compile_latex(tmp_path, "\\clearpage\n".join(texts.values()))
    assert "Overfull" not in log
    assert "Float too large" not in log


SIGNS = [*map(chr, range(32, 127)), *"\x07±\u2013éŁß\u0105\xd0\u2014\u2026\xd7\u201cΔΩ≤→漢\U0001f600\u200e"]


@needs_latex
@pytest.mark.parametrize("encoding", ["", r"\usepackage[T1]{fontenc}"])
def test_any_sign_compiles_and_is_no_wider_than_estimated(encoding, tmp_path):
    lines = [rf"\settowidth{{\w}}{{\footnotesize x{escape_latex(sign)}x}}\typeout{{WIDTH \the\w}}" for sign in SIGNS]
    log = compile_latex(tmp_path, "\n".join(lines), rf"\documentclass[10pt]{{article}}{encoding}\newlength\w")
    printed = [float(width) for width in re.findall(r"^WIDTH ([\d.]+)pt", log, re.MULTILINE)]
    estimated = [text_width(f"x{escape_latex(sign)}x") for sign in SIGNS]
    assert [sign for sign, true, bound in zip(SIGNS, printed, estimated, strict=True) if true > bound] == []


@needs_latex
def test_a_table_of_any_names_compiles(tmp_path):
    names = ["[0] first", "*", "", "-- & ``", "\\input{/etc/passwd}", "%", "漢字 é", *SIGNS]
    table = pd.DataFrame({"Recipe": names, "Clean_%": "5.0", "Fog & rain ~ ^": "1"}).map(escape_latex)
    text = latex_table(table, ["Recipe"], "Any & name_ Δ", "tab:any", names)
    log = compile_latex(tmp_path, text)
    assert "passwd" not in "".join(re.findall(r"\((/[^\s)]+)", log))


def test_the_width_of_a_table_is_that_of_its_widest_cells_and_the_space_between():
    table = pd.DataFrame({"A": ["1", "12345"], "B": ["1234567890", "1"]})
    assert table_width(column_widths(table).values()) == pytest.approx(
        text_width("12345") + text_width("1234567890") + 6
    )
    assert pytest.approx(5.5 * 72.27, abs=1) == TEXT_WIDTH
