"""The report of one model: read off its rows, names are text, and what was not run is said."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported_model import RUN, row, store_report

from bench import BadInput
from bench.report.model_report.content import Bars, CaptionedTable, Curves, Items, ModelReport, PictureRows, Text
from bench.report.model_report.page import html, read_measurements, report_paths
from bench.report.model_report.pdf import pdf
from bench.report.model_report.pdf_text import NO_GLYPH, Type, drawable, width, wrap
from bench.report.model_report.report import model_report
from bench.report.model_report.words import attack_words
from bench.report.site.data import SiteData
from bench.report.site.write import write_site
from bench.report.table_formats.table_text import MISSING
from bench.results.report_file import (
    FILE_NAME,
    ReportFacts,
    no_pictures,
    read_report_file,
    write_report_file,
)

FACTS = ReportFacts(
    ("bench eval --model net.py:net --report",),
    "results",
    1797,
    ("AutoAttack", "FGSM", "PGD-k", "Square"),
    ("fog", "frost"),
    without="nothing was attacked",
)
GOOD = "1" * 900 + "0" * 100  # when clean
HELD = "1" * 600 + "0" * 400


def bits(right: int, n: int = 1000) -> str:
    return "1" * right + "0" * (n - right)


def clean(results: Path, right: str | None = GOOD, **changes: Any) -> None:
    row(results, "", right, eps=None, **changes)


def report(results: Path, facts: ReportFacts = FACTS) -> ModelReport:
    write_report_file(results / RUN, facts, no_pictures())
    return model_report(read_measurements(SiteData(results), RUN))


def section(report: ModelReport, title: str) -> list[Any]:
    return [block for section in report.sections if section.title == title for block in section.blocks]


def test_all_is_well(tmp_path: Path) -> None:
    clean(tmp_path)
    row(tmp_path, "PGD-20", HELD)
    row(tmp_path, "AutoAttack", bits(550))
    found = report(tmp_path)
    assert (found.title, found.subtitle, found.level) == ("Robustness report: net", "digits, 1,000 test images", "ok")
    assert found.headline == (
        "When every pixel may change by up to 0.1 (Linf), attacks fool the model on fewer than half of the images that "
        "it gets right: 350 of 900."
    )
    assert found.paragraphs == (
        "Of 1,000 test images of digits the model classifies 900 (90.0 %, 95 % interval 88.0 to 91.7) correctly. When "
        "every pixel may change by up to 0.1 (10 % of the range from black to white), 550 (55.0 %, 95 % interval 51.9 "
        "to 58.1) stay correct under every attack tried (PGD-20 and AutoAttack).",
        "55.0 % is an upper bound: an attack that nobody tried here may break more images. AutoAttack, the field's "
        "usual reference, is among those tried. Comparisons of the attacks with each other found nothing that speaks "
        "against these numbers.",
        "This holds for changes within Linf 0.1 of these images, and for nothing else; what else an attacker could do, "
        "or a camera could see, stands under “What was not tried”.",
    )


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (0, "nearly every image"),
        (300, "most images"),
        (450, "about half of the images"),
        (600, "fewer than half of the images"),
        (890, "hardly any image"),
    ],
)
def test_shares_in_words_follow_their_interval(tmp_path: Path, left: int, words: str) -> None:
    clean(tmp_path)
    row(tmp_path, "PGD-20", bits(left))
    assert f"attacks fool the model on {words} that it gets right: {900 - left:,} of 900." in report(tmp_path).headline


def test_a_suspect_number_is_said_to_be_one(tmp_path: Path) -> None:
    clean(tmp_path)
    row(tmp_path, "PGD-20", HELD, verdict="suspect: zero gradients (90 of 900 images)")
    found = report(tmp_path)
    assert (found.level, found.chip) == ("suspect", "Suspect: true numbers may be lower")
    assert found.headline == (
        "In doubt: when every pixel may change by up to 0.1 (Linf), attacks fool the model on fewer than half of the "
        "images that it gets right: 300 of 900."
    )
    assert found.paragraphs[1:3] == (
        "Checks raised this: PGD-20: zero gradients (90 of 900 images). An attack may have failed without the model "
        "being any harder to attack, so true numbers may be lower.",
        "60.0 % is an upper bound: an attack that nobody tried here may break more images. AutoAttack, the field's "
        "usual reference, is not among those that count here, and often breaks more.",
    )


def test_what_the_audit_doubts_is_in_the_verdict(tmp_path: Path) -> None:
    clean(tmp_path)
    row(tmp_path, "PGD-20", bits(600), params='{"steps": 20}')
    row(tmp_path, "Square", bits(300))
    assert report(tmp_path).paragraphs[1].startswith("Checks raised this: Square breaks 300 of 1,000 images")


def test_an_attack_that_failed_is_not_counted_and_not_hidden(tmp_path: Path) -> None:
    clean(tmp_path)
    row(tmp_path, "PGD-20", HELD)
    row(tmp_path, "AutoAttack", None, n=1000, status="failed: no memory left")
    found = report(tmp_path)
    assert "attacks fool the model on fewer than half" in found.headline
    assert found.paragraphs[0].endswith("stay correct under PGD-20.")
    assert found.paragraphs[1] == "AutoAttack failed and is not counted: no memory left."
    assert "AutoAttack, the field's usual reference, is not among those that count here" in found.paragraphs[2]
    numbers = section(found, "The numbers")
    assert ("AutoAttack", "Linf 0.1", *[MISSING] * 3, "failed") in numbers[1].lines
    assert Text("AutoAttack failed: no memory left.") in numbers


def test_where_all_attacks_failed_nothing_is_known(tmp_path: Path) -> None:
    clean(tmp_path)
    row(tmp_path, "AutoAttack", None, n=1000, status="failed: no memory left")
    found = report(tmp_path)
    assert found.level == "unknown"
    assert found.headline == "AutoAttack failed, so nothing is known of how this model stands up to an attacker."


def test_clean_alone(tmp_path: Path) -> None:
    clean(tmp_path)
    found = report(tmp_path)
    assert (found.level, found.chip) == ("unknown", "Not attacked")
    assert found.headline == (
        "Right on 90.0 % of clean images; nothing was attacked, so nothing is known of how it stands up to an attacker."
    )
    assert found.paragraphs == (
        "Of 1,000 test images of digits the model classifies 900 (90.0 %, 95 % interval 88.0 to 91.7) correctly.",
    )
    assert section(found, "The most fragile images") == [Text("No images were kept: nothing was attacked.")]


def test_a_published_set_has_a_mean_of_its_own_in_the_headline(tmp_path: Path) -> None:
    clean(tmp_path)
    for name, published, right in (("fog", "CIFAR-10-C", 700), ("lines", "CIFAR-10-C-Bar", 300)):
        made = json.dumps({"made": "official", "set": published})
        row(tmp_path, name, bits(right), kind="corruption", norm="", eps=None, severity=1, params=made)
    words = "on average, on 70.0 % of corrupted ones and 30.0 % of those of CIFAR-10-C-Bar; nothing was attacked"
    assert words in report(tmp_path).headline


def test_corruptions_alone(tmp_path: Path) -> None:
    clean(tmp_path)
    made = json.dumps({"made": "generated", "table": 32})
    for severity, right in ((1, 800), (5, 600)):
        row(tmp_path, "fog", bits(right), kind="corruption", norm="", eps=None, severity=severity, params=made)
    found = report(tmp_path)
    assert found.headline == (
        "Right on 90.0 % of clean images and, on average, on 70.0 % of corrupted ones; nothing was attacked, so "
        "nothing is known of how it stands up to an attacker."
    )
    (table,) = section(found, "Corruptions")
    assert table.columns == ("Corruption", "1", "5", "Mean")
    assert table.lines == (("fog", "80.0", "60.0", "70.0"),)
    assert section(found, "What was not tried")[0].texts[:6] == (
        "AutoAttack, without which no number here compares with published ones such as RobustBench's: --attacks "
        "AutoAttack.",
        "Other attacks that the bench has: FGSM, PGD-k, Square (bench list attacks).",
        "Changes that are limited pixel by pixel (Linf): --norm Linf --eps RADIUS.",
        "Changes that are limited in their length over all pixels (L2): --norm L2 --eps RADIUS.",
        "Changes of few pixels, limited in their sum over all (L1): --norm L1 --eps RADIUS.",
        "1 of the bench's 2 corruptions: frost (--corruptions).",
    )


def test_few_images_are_said_to_be_few(tmp_path: Path) -> None:
    clean(tmp_path, bits(90, 100), partial=True)
    row(tmp_path, "PGD-20", bits(60, 100), partial=True)
    found = report(tmp_path)
    assert found.paragraphs[-1] == "100 images are few: these shares are known to about ±10 points only."
    (untried,) = section(found, "What was not tried")
    assert "All test images: the first 100 of 1,797 were used (--limit)." in untried.texts
    assert "Other radii than Linf 0.1; a curve over the radius takes --sweep." in untried.texts


def test_what_was_run_is_not_among_what_was_not(tmp_path: Path) -> None:
    clean(tmp_path)
    row(tmp_path, "AutoAttack", HELD)
    row(tmp_path, "PGD-20", HELD, norm="L2", eps=0.5)
    row(tmp_path, "PGD-20", HELD, norm="L1", eps=5.0)
    (untried,) = section(report(tmp_path), "What was not tried")
    assert isinstance(untried, Items)
    text = " ".join(untried.texts)
    assert "Other attacks that the bench has: FGSM (bench list attacks)." in untried.texts, "Square is in AutoAttack"
    assert not re.search(r"--norm|--sweep|--limit|without which", text)
    assert "--audit" in text


def test_a_curve_begins_with_the_clean_images(tmp_path: Path) -> None:
    clean(tmp_path)
    for eps, right in ((0.05, 800), (0.1, 500), (0.2, 100)):
        row(tmp_path, "PGD-10", bits(right), eps=eps)
    curves, table = section(report(tmp_path), "Accuracy over the radius")
    assert isinstance(curves, Curves)
    assert [(point.x, point.value) for point in curves.curves[0].points] == [(0, 90), (0.05, 80), (0.1, 50), (0.2, 10)]
    assert table.lines[1] == ("0.05", "80.0 (77.4 to 82.4)")
    assert [text for _, text in curves.ticks] == ["0", "0.05", "0.1", "0.2"]


def test_other_changes_are_in_the_verdict(tmp_path: Path) -> None:
    clean(tmp_path)
    row(tmp_path, "PGD-20", HELD)
    row(tmp_path, "CW-20", HELD)
    row(tmp_path, "PGD-20", bits(500), norm="L2", eps=0.5)
    assert report(tmp_path).paragraphs[1] == (
        "Under other attacks stay correct: 500 (50.0 %, 95 % interval 46.9 to 53.1) within L2 0.5."
    )


def test_older_and_smaller_measurements_are_left_out(tmp_path: Path) -> None:
    clean(tmp_path, bits(9, 10))
    row(tmp_path, "FGSM", bits(1, 10))
    clean(tmp_path)
    row(tmp_path, "PGD-20", HELD)
    bars, table, *_ = section(report(tmp_path), "The numbers")
    assert isinstance(bars, Bars)
    assert isinstance(table, CaptionedTable)
    assert [line[0] for line in table.lines] == ["Clean images", "PGD-20"]


HOSTILE = "<script>alert(1)</script>&'\"$x^2$ \N{SNOWMAN}漢"


def with_picture(results: Path) -> ModelReport:
    store_report(results, HOSTILE)
    return model_report(read_measurements(SiteData(results), RUN))


def test_names_from_outside_are_text_in_both_formats(tmp_path: Path) -> None:
    report = with_picture(tmp_path)
    page = html(report)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "The model was evaluated in spite of this: &lt;script" in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page), "everything is in the file"
    made = pdf(report)
    assert made.startswith(b"%PDF-")
    assert made == pdf(report)


def test_pictures_show_what_was_changed(tmp_path: Path) -> None:
    (pictures,) = section(with_picture(tmp_path), "The most fragile images")
    assert isinstance(pictures, PictureRows)
    (picture,) = pictures.pictures
    assert picture.texts[0] == "five, recognised (no. 7)"
    assert picture.texts[1].endswith("within Linf 0.05")
    assert picture.texts[2] == "magnified 10 times; broken in 1 of 1 measurements"
    assert picture.clean.shape == (8, 8, 3)
    change = picture.changed.astype(int) - picture.clean
    assert set(change[:7].flatten()) <= {12, 13}, "0.05 of 255, but where the image is white already"
    assert (picture.difference[:7] > 250).all()


def test_the_site_leads_to_the_report_and_keeps_it(tmp_path: Path) -> None:
    with_picture(tmp_path / "results")
    index = write_site(tmp_path / "results", tmp_path / "reports")
    html_path, pdf_path = (tmp_path / "reports" / path for path in report_paths(tmp_path / "results", RUN))
    assert html_path.name == "report.html"
    assert pdf_path.read_bytes().startswith(b"%PDF")
    assert 'href="models.html"' in index.read_text()
    listed = (index.parent / "models.html").read_text()
    assert html_path.relative_to(index.parent).as_posix() in listed
    assert pdf_path.relative_to(index.parent).as_posix() in listed
    address = f'href="../{html_path.relative_to(index.parent).as_posix()}"'
    assert all(address in next((index.parent / kind).iterdir()).read_text() for kind in ("boards", "methods"))
    (tmp_path / "results" / RUN / FILE_NAME).unlink()
    write_site(tmp_path / "results", tmp_path / "reports")
    assert not html_path.exists()
    assert report_paths(tmp_path / "results", RUN) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: np.savez(path, about="{}"),
        lambda path: np.savez(path, **{**dict(np.load(path)), "clean": np.zeros((3, 1, 2, 2), np.uint8)}),
    ],
)
def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, damage: Any) -> None:
    with_picture(tmp_path)
    damage(tmp_path / RUN / FILE_NAME)
    with pytest.raises(BadInput, match=r"report\.npz cannot be read .*; delete it and run again with --report"):
        read_report_file(tmp_path / RUN)


def test_lines_of_the_pdf_are_no_wider_than_their_room() -> None:
    text = "a word/" * 30 + " " + "x" * 200
    style = Type(8)
    lines = wrap(text, style, 1.5)
    assert all(width(line, style) <= 1.5 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert drawable("a漢", style) == f"a{NO_GLYPH}"


def test_where_everything_failed_the_page_says_so(tmp_path: Path) -> None:
    clean(tmp_path, None, n=1000, status="failed: no memory left")
    row(tmp_path, "PGD-20", None, n=1000, status="failed: no memory left")
    found = report(tmp_path)
    assert found.headline == "Nothing was measured, so nothing is known of this model."
    assert found.level == "unknown"
    assert html(found)
    assert pdf(found)


def test_images_made_on_other_models_are_told_apart(tmp_path: Path) -> None:
    clean(tmp_path)
    row(tmp_path, "PGD-20", HELD)
    row(tmp_path, "PGD-20.last", bits(500), source=RUN)
    row(tmp_path, "PGD-20.last", bits(700), source="digits/cnn/PGD-AT/s0-bbbb@best")
    lines = section(report(tmp_path), "The numbers")[1].lines
    assert [line[0] for line in lines] == [
        "Clean images",
        "PGD-20",
        "PGD-20.last, images made on PGD-AT/s0-bbbb@best",
    ]


def test_an_attack_unknown_to_the_report_is_described_by_the_line_it_was_registered_with(
    tmp_path: Path,
) -> None:
    meanings = {"spin": "turns the image", "hop-k": "k leaps"}
    write_report_file(tmp_path, replace(FACTS, meanings=meanings), no_pictures())
    known = read_report_file(tmp_path)[0].meanings
    assert known == meanings
    assert [attack_words(name, known) for name in ("spin.last", "hop-12", "else")] == [
        "turns the image; scored on its last step alone",
        "k leaps",
        "an attack that does not say what it is",
    ]
    assert attack_words("PGD-20", known) == "20 small steps along the gradient of the loss"
    with np.load(tmp_path / FILE_NAME) as arrays:
        content = dict(arrays)
    about = json.loads(str(content.pop("about")))
    del about["meanings"]  # as in files of earlier versions
    np.savez(tmp_path / FILE_NAME, about=np.array(json.dumps(about)), **content)
    assert read_report_file(tmp_path)[0] == FACTS
