"""A comparison on the terminal, as Markdown, and as JUnit XML."""

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pandas as pd

from bench.commands.compare.significance import ALPHA, TEST_TEXTS, CellFinding
from bench.core.parsing import format_count, printable
from bench.report.table_formats import table_text as plain

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ["Model", "Condition", "Before", "After", "Lost", "Gained", "Test", "p", "Verdict"]
LEFT_COLUMNS = ("Model", "Condition", "Test", "Verdict")
MAX_IDS_SHOWN = 100  # image ids that are listed


def headline(found: list[CellFinding]) -> str:
    """The last line: how many cells regressed, of how many."""
    worse = sum(bool(f.problem) for f in found)
    return (
        f"{worse} of {format_count(len(found), 'cell')} regressed"
        if worse
        else f"no regression in {format_count(len(found), 'cell')}"
    )


def terminal(found: list[CellFinding]) -> "Table":
    """The table of all findings for the terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text throughout: "PGD-20 [restarts=5]" would be read as markup
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.padding = (0, 1, 0, 0)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in LEFT_COLUMNS else "right", overflow="fold")
    for f in found:
        table.add_row(*(Text(printable(cell), "bold red" if f.problem else "") for cell in _line(f)))
    return table


def notes(found: list[CellFinding]) -> list[str]:
    """What is wrong, and what the tests are that were used."""
    wrong = [f"{f.model}, {f.condition}: {f.problem}." for f in found if f.problem]
    sizes = {label.rpartition(" n=")[2] for label in (f.condition for f in found)}
    if len(sizes) > 1:
        wrong.append("n is the number of test images; what is measured on fewer has a clean accuracy on as many.")
    used = [text for test, text in TEST_TEXTS.items() if any(f.test == test for f in found)]
    return [*wrong, *used, f"p is Holm-corrected over all cells; a regression is p < {ALPHA}."]


def flips(found: list[CellFinding]) -> list[str]:
    """Every image that flipped, by cell."""
    return [f"{f.model}, {f.condition}: {flipped_images(f)}" for f in found if flipped_images(f)]


def flipped_images(f: CellFinding) -> str:
    """The images that changed sides, by their place in the test set."""
    parts = [
        f"s{seed.seed} {word}: {_ids(ids)}."
        for seed in f.flips
        for word, ids in (("lost", seed.lost), ("gained", seed.gained))
        if ids
    ]
    return " ".join(parts)


def markdown(found: list[CellFinding], title: str) -> str:
    """A summary for a pull request: the cells, what is wrong, every flipped image."""
    table = pd.DataFrame([_line(f) for f in found], columns=COLUMNS)
    lines = [f"- {plain.escape(line)}" for line in flips(found)]
    images = ["<details><summary>Flipped images</summary>", "", *lines, "", "</details>", ""] if lines else []
    text = [
        f"## {plain.escape(title)}: {headline(found)}",
        "",
        plain.markdown(table, LEFT_COLUMNS),
        *(f"- {plain.escape(note)}" for note in notes(found)),
        "",
        *images,
    ]
    return "\n".join(text)


def junit(found: list[CellFinding]) -> str:
    """One test case a cell, as GitHub, GitLab and Jenkins read them."""
    counts = {"tests": str(len(found)), "failures": str(sum(bool(f.problem) for f in found)), "errors": "0"}
    counts["time"] = f"{sum(f.seconds for f in found):.3f}"
    suites = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(suites, "testsuite", {"name": "bench compare", "skipped": "0", **counts})
    for f in found:
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": f.model, "name": f.condition, "time": f"{f.seconds:.3f}"}
        )
        if f.problem:
            failure = ElementTree.SubElement(case, "failure", {"type": "regression", "message": f.problem})
            failure.text = flipped_images(f)
    ElementTree.indent(suites)
    text: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _line(f: CellFinding) -> list[str]:
    after = "" if f.after is None else f"{f.after:.1%}"
    counts = [str(f.lost_images), str(f.gained_images)] if f.test else ["", ""]
    verdict = (f.problem if f.after is None else "regression") if f.problem else "ok"
    p = "" if f.p is None else f"{f.p:.2g}"
    return [f.model, f.condition, f"{f.before:.1%}", after, *counts, f.test, p, verdict]


def _ids(ids: tuple[int, ...]) -> str:
    more = f" and {len(ids) - MAX_IDS_SHOWN} more" if len(ids) > MAX_IDS_SHOWN else ""
    return ", ".join(map(str, ids[:MAX_IDS_SHOWN])) + more
