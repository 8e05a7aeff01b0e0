"""The page of a study: what is read off the rows in a results folder, a section a data set, model and budget."""

from collections.abc import Set
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BadInput
from bench.numbers import radius
from bench.results import load, write_atomically
from bench.studies import STUDIES

SHARED = ["protocol", "dataset", "model", "budget", "data"]


def page(name: str, results: Path, only: Set[str] | None = None, n: int | None = None) -> str:
    """Markdown. only: the runs to read; n: the number of test images, where rows of several are there."""
    study, rows = STUDIES[name], load(results)
    if only is not None:
        rows = rows[rows["run"].isin(only)]
    methods = {method for part in study.parts for method in part.methods}
    rows = rows[rows["recipe"].isin(methods)]
    if rows.empty:
        raise BadInput(f"no results of study {name} under {results}; `bench run --study {name}` makes them")
    sections, group = [f"# {name}: {study.about}\n"], pd.DataFrame()
    shared: Any  # the key of a group is only Hashable to the type checker
    for shared, group in rows.groupby(SHARED, sort=False):
        _, dataset, model, budget, _ = shared
        images = n or int(group.loc[group["kind"] != "diagnostic", "n"].mode().iloc[0])
        same = group[(group["n"] == images) | (group["kind"] == "diagnostic")]
        seeds = ", ".join(map(str, sorted(same["seed"].unique())))
        attacked = same["kind"] == "attack"
        threat: Any
        for threat, under in same[attacked].groupby(["norm", "eps"]):
            title = f"{dataset}, {model}, {threat[0]} {radius(threat[1])}, {budget}, n={images}, seeds {seeds}"
            sections += [f"## {title}\n", study.findings(pd.concat([same[~attacked], under]))]
    return "\n".join(sections)


def started(results: Path) -> list[str]:
    """The studies of which there are rows of every method."""
    recipes = set(load(results)["recipe"])
    return [name for name, s in STUDIES.items() if {m for part in s.parts for m in part.methods} <= recipes]


def write_page(name: str, results: Path, reports: Path) -> Path:
    """Write reports/NAME/NAME.md of everything in the results folder."""
    path, text = reports / name / f"{name}.md", page(name, results)
    write_atomically(path, lambda file: file.write(text.encode()))
    return path
