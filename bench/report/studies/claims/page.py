"""The page of claims: a section for each data set, architecture, budget and radius."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.core.parsing import format_radius
from bench.core.plan import LONG
from bench.report.rows import attack_rows, white_box_rows
from bench.report.studies.claims import bat, m2at, mtlat, robmask
from bench.report.studies.claims.checks import Finding, count_verdicts, mark, verdict
from bench.report.studies.claims.reader import RADIUS_TOLERANCE
from bench.report.studies.study import Study
from bench.results.kinds import DIAGNOSTIC

AT_OTHER_RADII: dict[float, tuple[str, ...]] = (  # recipes by the multiple of the radius at which they are attacked
    dict.fromkeys(m2at.WIDER_RADII, m2at.RECIPES_AT_WIDER)
    | dict.fromkeys(robmask.NARROWER_RADII, tuple(robmask.VIEWS_AT_NARROWER))
    | dict.fromkeys((mtlat.MTLAT_NEAR, mtlat.MTLAT_FAR), mtlat.RECIPES_OF_MTLAT)
)
BOARD_COLUMNS = ["protocol", "dataset", "model", "budget", "data"]


def find_sections(study: Study, rows: pd.DataFrame, n: int | None) -> Iterator[tuple[str, list[Finding]]]:
    """Title and findings of each section.

    n: number of test images, if rows with different numbers exist; None: the most frequent one.
    """
    assert study.findings is not None
    budgets = set(rows["budget"])
    shared: Any  # the key of a group is only Hashable to the type checker
    for shared, group in rows.groupby(BOARD_COLUMNS, sort=False):
        protocol, dataset, model, budget, data = shared
        counted = group.loc[group["kind"] != DIAGNOSTIC, "n"]
        if counted.empty or is_longer_of_another(group, budget, budgets):
            continue
        images = n or int(counted.mode().iloc[0])
        there = (rows["protocol"] == protocol) & (rows["dataset"] == dataset) & (rows["model"] == model)
        longer = rows[there & (rows["data"] == data) & rows["budget"].isin(longer_budgets(budget))]
        both = pd.concat([group, longer.assign(recipe=longer["recipe"] + "+")])
        same = both[(both["n"] == images) | (both["kind"] == DIAGNOSTIC)]
        seeds = ", ".join(map(str, sorted(same["seed"].unique())))
        for norm, eps in threats(same):
            unbounded = np.isinf(same["eps"].astype(float))
            title = f"{dataset}, {model}, {norm} {format_radius(eps)}, {budget}, n={images}, seeds {seeds}"
            yield title, study.findings(same[same["norm"].isin(["", norm]) | unbounded], eps)


def markdown(title: str, findings: Sequence[Finding]) -> str:
    """One section as Markdown: how many claims got each verdict, and the list of claims."""
    summary = "; ".join(f"{count} {word}" for word, count in count_verdicts(findings).items())
    return f"## {title}\n\n{summary}.\n\n{list_findings(findings)}"


def list_findings(findings: Sequence[Finding]) -> str:
    """A Markdown list of claims with their verdicts, each with its comparisons if any of them was measured."""
    lines = []
    for number, (claim, comparisons) in enumerate(findings, start=1):
        lines.append(f"{number}. **{verdict(comparisons)}.** {claim}.")
        if any(comparison.is_measured for comparison in comparisons):
            lines += [f"    - {mark(comparison)}: {comparison.text}" for comparison in comparisons]
    return "\n".join(lines) + "\n"


def threats(rows: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Norms and radii of the attacks, without radii that only claims about multiples of another radius use."""
    attacks = attack_rows(white_box_rows(rows))
    attacks = attacks[~np.isinf(attacks["eps"].astype(float))]
    found: dict[tuple[str, float], set[str]] = {}
    for record in attacks[["norm", "eps", "recipe"]].drop_duplicates().sort_values("eps").to_dict("records"):
        found.setdefault((record["norm"], record["eps"]), set()).add(record["recipe"])
    for (norm, eps), recipes in found.items():
        others = [other for kind, other in found if kind == norm]
        factors = {factor: set(names) for factor, names in AT_OTHER_RADII.items() if recipes <= set(names)}
        if not any(abs(other * factor - eps) < RADIUS_TOLERANCE for other in others for factor in factors):
            yield norm, eps


def is_longer_of_another(group: pd.DataFrame, budget: str, budgets: set[str]) -> bool:
    """Whether a budget has only the longer trainings that belong to another budget."""
    return set(group["recipe"]) <= set(bat.LONGER) and any(budget in longer_budgets(other) for other in budgets)


def longer_budgets(budget: str) -> list[str]:
    """The budgets that `bench run` writes for trainings twice as long, and by a paper's longer plan."""
    doubled = re.sub(r"(\d+) epochs", lambda found: f"{2 * int(found[1])} epochs", budget, count=1)
    return [doubled, f"{doubled}, {LONG}"] if doubled != budget else []
