"""The sections of the page of claims: one for each data set, network, budget and radius."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.core.parsing import format_radius
from bench.core.plan import LONG
from bench.report.rows import of_kind, white_box
from bench.report.studies.claim_checks import Finding, mark, verdict
from bench.report.studies.papers.later_claims import AT_OTHER_RADII
from bench.report.studies.papers.papers_claims import LONGER
from bench.report.studies.study import Study

SHARED = ["protocol", "dataset", "model", "budget", "data"]
SAME = 1e-6  # radii that differ by less are one


def places(study: Study, rows: pd.DataFrame, n: int | None) -> Iterator[tuple[str, list[Finding]]]:
    """What all numbers of a section have in common, and its findings.

    n: the number of test images, where rows of several are there.
    """
    assert study.findings is not None
    budgets = set(rows["budget"])
    shared: Any  # the key of a group is only Hashable to the type checker
    for shared, group in rows.groupby(SHARED, sort=False):
        protocol, dataset, model, budget, data = shared
        counted = group.loc[group["kind"] != "diagnostic", "n"]
        if counted.empty or is_longer_of_another(group, budget, budgets):
            continue
        images = n or int(counted.mode().iloc[0])
        there = (rows["protocol"] == protocol) & (rows["dataset"] == dataset) & (rows["model"] == model)
        longer = rows[there & (rows["data"] == data) & rows["budget"].isin(longer_budgets(budget))]
        both = pd.concat([group, longer.assign(recipe=longer["recipe"] + "+")])
        same = both[(both["n"] == images) | (both["kind"] == "diagnostic")]
        seeds = ", ".join(map(str, sorted(same["seed"].unique())))
        for norm, eps in threats(same):
            unbounded = np.isinf(same["eps"].astype(float))
            title = f"{dataset}, {model}, {norm} {format_radius(eps)}, {budget}, n={images}, seeds {seeds}"
            yield title, study.findings(same[same["norm"].isin(["", norm]) | unbounded], eps)


def markdown(title: str, findings: Sequence[Finding]) -> str:
    """A section."""
    return f"## {title}\n\n{list_findings(findings)}"


def list_findings(findings: Sequence[Finding]) -> str:
    """A Markdown list: each claim, held or not held or not measured, with every comparison."""
    lines = []
    for number, (claim, comparisons) in enumerate(findings, start=1):
        lines.append(f"{number}. **{verdict(comparisons)}.** {claim}.")
        lines += [f"    - {mark(comparison)}: {comparison.text}" for comparison in comparisons]
    return "\n".join(lines) + "\n"


def threats(rows: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Norms and radii of the attacks, without those at which claims about other radii alone are asked."""
    attacks = white_box(of_kind(rows, "attack"))
    attacks = attacks[~np.isinf(attacks["eps"].astype(float))]
    found: dict[tuple[str, float], set[str]] = {}
    for record in attacks[["norm", "eps", "recipe"]].drop_duplicates().sort_values("eps").to_dict("records"):
        found.setdefault((record["norm"], record["eps"]), set()).add(record["recipe"])
    for (norm, eps), recipes in found.items():
        others = [other for kind, other in found if kind == norm]
        asked = {factor: set(names) for factor, names in AT_OTHER_RADII.items() if recipes <= set(names)}
        if not any(abs(other * factor - eps) < SAME for other in others for factor in asked):
            yield norm, eps


def is_longer_of_another(group: pd.DataFrame, budget: str, budgets: set[str]) -> bool:
    """Whether a budget has nothing but the longer trainings of another one."""
    return set(group["recipe"]) <= set(LONGER) and any(budget in longer_budgets(other) for other in budgets)


def longer_budgets(budget: str) -> list[str]:
    """As `bench run` words the budget of a training twice as long, and of a paper's longer plan."""
    doubled = re.sub(r"(\d+) epochs", lambda found: f"{2 * int(found[1])} epochs", budget, count=1)
    return [doubled, f"{doubled}, {LONG}"] if doubled != budget else []
