"""Finds and reads the exhibits in run folders (`bench run --exhibits`)."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.core.errors import BadInput
from bench.core.parsing import printable
from bench.report.exhibits.table import channel_gains, cosines, gradients, losses_at_radius
from bench.report.labels import labels
from bench.results.store import read_job
from bench.results.survey import run_folders

EXHIBIT_COLUMNS = {
    "gradient": ["n", "image", "squared", "right"],
    "batchnorm": ["layer", "channel"],
    "features": ["when", "channel", "height", "width", "pixels"],
    "loss": ["n", "direction", "eps", "step", "mean", "q10", "q90", "accuracy"],
}
TYPE_CHECKS: Mapping[str, Callable[[Any], bool]] = {  # check of the dtype of columns that are not numeric
    "right": pd.api.types.is_bool_dtype,
    "when": pd.api.types.is_string_dtype,
    "direction": pd.api.types.is_string_dtype,
    "pixels": lambda dtype: True,  # text, or a number where each map has one pixel
}
RUN_COLUMNS = ["dataset", "model", "recipe", "run", "seed", "budget", "view", "epoch"]
SUMMARIES: Mapping[
    str, Callable[[pd.DataFrame], object]
] = {  # what is computed from an exhibit of the kind; it fails on a damaged one
    "gradient": lambda table: gradients({"": table}),
    "loss": lambda table: losses_at_radius({"": table}),
    "batchnorm": cosines,
    "features": channel_gains,
}


def find_exhibits(results: Path) -> pd.DataFrame:
    """List the exhibits of last epochs below a results folder, one a line: RUN_COLUMNS, kind, and path of its file."""
    lines = [
        line | {"view": view or "main", "epoch": "last", "kind": path.name.partition(".")[0], "path": path}
        for line in runs(results)
        for path in sorted((results / str(line["run"]) / "exhibits").glob("*.csv"))
        for view in [path.stem.partition(".")[2]]
        if not f".{view}".endswith(".best")
    ]
    found = pd.DataFrame(lines, columns=[*RUN_COLUMNS, "kind", "path"])
    return found[found["kind"].isin(EXHIBIT_COLUMNS)]


def runs(results: Path) -> Iterator[dict[str, object]]:
    """The trainings below a results folder, without external models: dataset, model, recipe, run, seed, budget."""
    for folder in run_folders(results):
        parts = folder.relative_to(results).parts
        seeded = (
            re.fullmatch(r"s([0-9]{1,19})-.*", parts[-1]) if len(parts) == 4 else None
        )  # external models have three parts
        if seeded:
            dataset, model, recipe, _ = parts
            seed = int(seeded[1])
            line: dict[str, object] = {"dataset": dataset, "model": model, "recipe": recipe, "run": "/".join(parts)}
            yield line | {"seed": seed, "budget": str(read_job(folder).get("budget", ""))}


def first_seeds(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The exhibit of each model's lowest seed, by label of the model. rows: lines of `find_exhibits` of one kind."""
    named = rows.assign(label=labels(rows)).sort_values("seed", kind="stable").drop_duplicates("label").sort_index()
    return {
        label: read_exhibit(path, kind)
        for label, path, kind in zip(named["label"], named["path"], named["kind"], strict=True)
    }


def read_exhibit(path: Path, kind: str) -> pd.DataFrame:
    """Read the CSV of an exhibit; BadInput if it has not the columns and numbers of its kind."""
    try:
        table = pd.read_csv(path)
        if table.empty or not {*EXHIBIT_COLUMNS[kind]} <= {*table.columns}:
            raise ValueError("not its columns")
        for name in EXHIBIT_COLUMNS[kind]:
            column, wanted = table[name], TYPE_CHECKS.get(name, is_number)
            if (
                column.isna().any()
                or not wanted(column.dtype)
                or (name not in TYPE_CHECKS and not np.isfinite(column).all())
            ):
                raise ValueError(f"{name} is not what it says in every line")
        SUMMARIES[kind](table)
    except (ValueError, KeyError, IndexError, OverflowError) as error:  # of pandas' parser too
        reason = printable(error, 100)
        raise BadInput(f"{path} is no {kind} exhibit ({reason}); delete it and run again with --exhibits") from error
    return table


def is_number(dtype: Any) -> bool:
    """Whether a column of this type holds numbers."""
    return bool(pd.api.types.is_numeric_dtype(dtype))
