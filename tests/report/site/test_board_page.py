"""What the cells and charts of a board's page say, and that its colours can be read."""

import math
import re
from pathlib import Path

import pytest
from result_files import MADE, measure

from bench.core.files import write_json
from bench.report.leaderboard.page import boards
from bench.report.site.board_cells import TableCell
from bench.report.site.board_charts import against_robust, severities, sweeps
from bench.report.site.board_extras import board_extras
from bench.report.site.board_table import BoardTable, board_table
from bench.report.site.chart import line_looks, round_numbers
from bench.report.site.chart_labels import place_labels
from bench.report.site.data import SiteData
from bench.report.site.write import write_site

STYLES = (Path(__file__).parents[3] / "bench/report/site/static/site.css").read_text(encoding="utf-8")


def table_of(results: Path) -> BoardTable:
    data = SiteData(results)
    ((board, report),) = boards(results).items()
    return board_table(report, board_extras(data, board, report))


def cell(table: BoardTable, label: str, column: str) -> TableCell:
    (line,) = [line for line in table.lines if line.label == label]
    return line.cells[[column.name for column in table.columns].index(column)]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two methods with seeds, transfer, corruptions and a doubt."""
    for seed in (0, 1):
        measure(tmp_path, "", "1111111100", seed=seed)
        measure(tmp_path, "FGSM", "1111110000" if seed else "1111000000", seed=seed)
    measure(tmp_path, "", "1111111111", recipe="B")
    measure(tmp_path, "FGSM", "0000000001", recipe="B", verdict="suspect: a; b")
    measure(tmp_path, "FGSM", "1100000000", recipe="B", source="digits/cnn/PGD-AT/s0-aaaa")
    for name, right in (("fog", "1111000000"), ("snow", "1111110000")):
        for severity in (1, 2):
            changes = {"kind": "corruption", "norm": "", "eps": None, "severity": severity, "params": MADE}
            measure(tmp_path, name, right, recipe="B", **changes)
    return tmp_path


def test_a_cell_has_its_interval_and_what_it_is(results: Path) -> None:
    table = table_of(results)
    seeds = cell(table, "PGD-AT", "FGSM")
    assert (seeds.text, seeds.spread, seeds.order) == ("50.0", "±14.1", pytest.approx(50))
    assert seeds.about == "35.9 to 64.1, mean of 2 seeds"
    one = cell(table, "B", "FGSM")
    assert one.whisker is not None
    assert one.whisker.low == 0
    assert 0 < one.whisker.value < one.whisker.high < 100
    assert seeds.whisker is not None
    assert seeds.whisker.high == 100


def test_transfer_and_corruptions_join_as_columns(results: Path) -> None:
    table = table_of(results)
    assert cell(table, "B", "Transfer FGSM").text == "20.0"
    assert cell(table, "PGD-AT", "Transfer FGSM").order is None
    assert cell(table, "B", "Corruptions").text == "50.0"
    (column,) = [column for column in table.columns if column.name == "Corruptions"]
    assert column.about == "mean accuracy over 2 corruptions (generated images), severities 1, 2"


def test_a_verdict_has_its_reasons(results: Path) -> None:
    (line,) = [line for line in table_of(results).lines if line.label == "B"]
    assert line.verdict == "suspect"
    assert {"FGSM: a", "b"} <= set(line.reasons)


def test_a_mark_says_name_values_intervals_and_images(results: Path) -> None:
    (report,) = boards(results).values()
    (clean,) = against_robust(report, lambda label: f"{label}.html")  # costs that are all equal have no chart
    (mark,) = [mark for mark in clean.marks if mark.point.name == "B"]
    assert mark.point.tip == "B: Clean 100.0 (72.2 to 100.0); Worst 10.0 (1.8 to 40.4); n=10; suspect"
    assert (mark.point.href, mark.point.look, len(mark.bars)) == ("B.html", "suspect", 2)
    (job,) = results.glob("digits/cnn/B/*/job.json")
    write_json(job, {"budget": "quick", "passes_per_image": {"forwards": 1, "backwards": 1}})
    (report,) = boards(results).values()
    _, cost = against_robust(report, lambda label: "")
    assert {mark.point.name: mark.point.x for mark in cost.marks} == {"PGD-AT": 11, "B": 2}


def test_curves_have_one_look_a_method_on_all_charts(tmp_path: Path) -> None:
    for eps, right in ((0.1, "1111100000"), (0.2, "1111000000"), (0.3, "1110000000")):
        for recipe in ("A", "B"):
            measure(tmp_path, "PGD-20", right if recipe == "A" else right[::-1], recipe=recipe, eps=eps)
            measure(tmp_path, "FGSM", right if recipe == "B" else "1" + right[1:], recipe=recipe, eps=eps)
        for attack in ("FGSM", "MIM-10") if eps > 0.1 else ("MIM-10",):
            measure(tmp_path, attack, None, recipe="C", eps=eps, n=10, value=math.nan, status="failed: out of memory")
    for recipe in ("A", "B", "C"):
        measure(tmp_path, "", "1111110000", recipe=recipe)
    measure(tmp_path, "FGSM", "1111100000", recipe="C", eps=0.1)
    data = SiteData(tmp_path)
    charts, lost = sweeps(data, next(iter(data.boards)), lambda label: "")
    assert {chart.title for chart in charts} == {"PGD-20", "FGSM"}
    looks = {(curve.name, curve.look) for chart in charts for curve in chart.curves}
    assert len(looks) == 3
    assert lost[0] == "C, FGSM at 0.2, 0.3: failed: out of memory."
    assert lost[1:] == ["C, MIM-10 at 0.1, 0.2, 0.3: failed: out of memory."]
    assert "A, 0: 60.0 (31.3 to 83.2), n=10" in {
        mark.point.tip for chart in charts for curve in chart.curves for mark in curve.marks
    }
    assert severities(data, next(iter(data.boards)), lambda label: "") == []


def test_a_page_says_why_points_failed_even_where_none_is_left_to_draw(tmp_path: Path) -> None:
    measure(tmp_path / "results", "", "1111110000", recipe="A")
    for eps in (0.1, 0.2, 0.3):
        lost = {"value": math.nan, "status": "failed: out of <memory>."}
        measure(tmp_path / "results", "PGD-20", None, recipe="A", eps=eps, n=10, **lost)
    write_site(tmp_path / "results", tmp_path / "reports")
    for page in (tmp_path / "reports/boards").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "A, PGD-20 at 0.1, 0.2, 0.3: failed: out of &lt;memory&gt;.</li>" in text


def test_looks_differ() -> None:
    assert len(set(line_looks(map(str, range(28))).values())) == 28


@pytest.mark.parametrize(
    ("low", "high", "numbers"),
    [(0, 100, [0, 20, 40, 60, 80, 100]), (0.013, 0.051, [0.02, 0.03, 0.04, 0.05]), (3, 3, [3]), (-7, 8, [-5, 0, 5])],
)
def test_ticks_are_round(low: float, high: float, numbers: list[float]) -> None:
    assert round_numbers(low, high) == numbers


def test_no_name_covers_another() -> None:
    marks = [(100 + 3 * i, 100 + 2 * i, "a name") for i in range(12)]
    labels = [label for label in place_labels(marks, 0, 0, 400) if label]
    assert 2 < len(labels) < 12
    boxes = [(label.x - {"start": 0, "middle": 19.2, "end": 38.4}[label.anchor], label.y) for label in labels]
    assert all(abs(x - u) > 38 or abs(y - v) > 12 for i, (x, y) in enumerate(boxes) for u, v in boxes[:i])


def luminance(colour: str) -> float:
    """Relative, as WCAG 2.2 has it."""
    digits = colour.removeprefix("#")
    parts = [
        int(pair, 16) / 255 for pair in re.findall("..", "".join(d * 2 for d in digits) if len(digits) == 3 else digits)
    ]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_have_the_contrast_that_aa_wants(scheme: int) -> None:
    palette = dict(re.findall(r"--(\w+): (#\w+);", STYLES.split("@media (prefers-color-scheme: dark)")[scheme]))
    for text in ("ink", "soft", "link", "mark", "good", "doubt", "bad"):
        for ground in ("paper", "panel"):
            assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
    for part in ("edge", "focus"):
        assert contrast(palette[part], palette["paper"]) >= 3, part
    lines = dict(re.findall(r"\.(c\d) \{ color: (#\w+)", STYLES.split(".legend {")[scheme]))
    assert len(lines) == 6
    assert all(contrast(colour, palette["paper"]) >= 3 for colour in lines.values())
