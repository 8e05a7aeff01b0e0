"""Every kind of page by the rules of axe-core for WCAG 2.1 A and AA: names, roles, structure, contrast."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from site_names import Open

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
KINDS = ("index.html", "norms.html", "boards/*.html", "methods/*.html", "compare/*.html")


@pytest.fixture(scope="module")
def axe() -> str:
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("axe-playwright-python is not installed")
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_breaks_no_rule(kind: str, scheme: str, site: Path, visit: Open, axe: str) -> None:
    page: Any = visit(sorted(site.glob(kind))[0], color_scheme=scheme)
    page.evaluate(axe)
    found = page.evaluate("rules => axe.run({runOnly: rules, preload: false})", RULES)
    broken = [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
    assert not broken, "\n".join(broken)
    assert found["passes"], "rules were applied"
