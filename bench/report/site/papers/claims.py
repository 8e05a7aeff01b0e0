"""The page of claims, each with its verdict and comparisons."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.report import cache as stored
from bench.report.site.data import SiteData
from bench.report.site.site import LinkTarget, Site
from bench.report.studies.claims.checks import Finding, count_verdicts, mark, verdict
from bench.report.studies.claims.page import find_sections
from bench.report.studies.study import STUDIES

STUDY = STUDIES["claims"]
CHIP_CLASSES = {
    "held": "ok",
    "held, in part within chance": "ok",
    "not held, within chance": "suspect",
    "not held": "invalid",
}


@stored.cached_by_folder(1)
def find_findings(results: Path) -> list[tuple[str, list[Finding]]]:
    """Titles and findings of the sections in which the rows decide at least one claim."""
    rows = stored.rows(results)
    sections = find_sections(STUDY, rows[rows["recipe"].isin(STUDY.methods)], None)
    return [section for section in sections if any(verdict(found.comparisons) in CHIP_CLASSES for found in section[1])]


class ClaimsPage:
    """The page `claims.html`."""

    menu = "Claims"

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        return {LinkTarget("claims", ""): "claims.html"} if data.boards and find_findings(data.results) else {}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str | bytes]]:
        if LinkTarget("claims", "") in site.paths:
            sections = [{"title": title, **_section(findings)} for title, findings in find_findings(data.results)]
            yield "claims.html", site.render("claims.html", "claims.html", "Claims", study=STUDY, sections=sections)


def _section(findings: list[Finding]) -> dict[str, Any]:
    """Values of the template for one section: claims that are decided, and others."""
    lines = [
        {
            "number": number,
            "claim": finding.claim,
            "verdict": (word := verdict(finding.comparisons)),
            "chip": CHIP_CLASSES.get(word, "none"),
            "comparisons": [(mark(comparison), comparison.text) for comparison in finding.comparisons],
        }
        for number, finding in enumerate(findings, start=1)
    ]
    return {
        "told": [line for line in lines if line["chip"] != "none"],
        "silent": [line for line in lines if line["chip"] == "none"],
        "counts": count_verdicts(findings),
    }
