"""Tables of the exhibits in run folders (`bench run --exhibits`), and of robust overfitting in training logs."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bench.core.errors import BadInput
from bench.core.parsing import printable
from bench.report.labels import labels
from bench.report.training_logs import read_training_log
from bench.results.best_epoch import find_best_epoch
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
STATISTICS = {"running_mean": "Running mean", "running_var": "Running variance", "weight": "Scale", "bias": "Shift"}
LOSS_POINTS = {
    "clean": ("attack", 0.0),
    "attack": ("attack", 1.0),
    "against": ("attack", -1.0),
    "random": ("random", 1.0),
}
MAGNIFIED_FACTOR = 2.0  # times the mean before, above which a map counts as magnified


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


def is_number(dtype: Any) -> bool:
    """Whether a column of this type holds numbers."""
    return bool(pd.api.types.is_numeric_dtype(dtype))


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


def gradients(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Statistics of squared gradient norms by model, over all images, the correctly classified and the others."""
    lines = []
    for label, table in tables.items():
        groups = {"all": table, "right": table[table["right"]], "wrong": table[~table["right"]]}
        for group, part in groups.items():
            squared = part["squared"]
            numbers = {name: getattr(squared, name)() for name in ("min", "median", "mean", "max")}
            lines.append({"model": label, "group": group, "n": len(part), "zero": int((squared == 0).sum()), **numbers})
    return pd.DataFrame(lines)


def losses_at_radius(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean loss and accuracy (percent) by model on clean images and eps away: along the attack, against it, random."""
    lines = []
    for label, table in tables.items():
        at = table.set_index(["direction", "step"])
        loss = {f"loss {name}": at["mean"][way] for name, way in LOSS_POINTS.items()}
        accuracy = {f"acc. {name}": 100 * at["accuracy"][way] for name, way in LOSS_POINTS.items()}
        lines.append({"model": label} | loss | accuracy)
    return pd.DataFrame(lines)


def cosines(table: pd.DataFrame) -> pd.DataFrame:
    """Cosine similarity of each batch norm before and after fine-tuning: a line a layer, a column a statistic.

    NaN where a layer lacks the statistic.
    """
    lines = [
        {"layer": layer, "channels": len(part)}
        | {name: cosine(part[name].to_numpy(), part[f"start_{name}"].to_numpy()) for name in STATISTICS}
        for layer, part in table.groupby("layer")
    ]
    return pd.DataFrame(lines)


def cosine(a: ArrayLike, b: ArrayLike) -> float:
    """Cosine of two vectors (C,); 1 if both are zero, as they are equal, and 0 if one is."""
    u, v = np.asarray(a, float), np.asarray(b, float)
    lengths = float(np.linalg.norm(u) * np.linalg.norm(v))
    return float(u @ v) / lengths if lengths else float(not u.any() and not v.any())


def stack_maps(table: pd.DataFrame, when: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The feature maps (C, H, W) of an exhibit. when: before or after, relative to the fine-tuning."""
    part = table[table["when"] == when].sort_values("channel")
    height, width = int(part["height"].iloc[0]), int(part["width"].iloc[0])
    return np.array([np.array(str(pixels).split(), float) for pixels in part["pixels"]]).reshape(-1, height, width)


def channel_gains(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of each channel's feature map before and after, their ratio, and whether it was blocked or magnified."""
    before, after = (stack_maps(table, when).mean((1, 2)) for when in ("before", "after"))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = after / before  # NaN where both are zero
    state = np.select([(before > 0) & (after == 0), gain > MAGNIFIED_FACTOR], ["blocked", "magnified"], "")
    channel = np.arange(len(before))
    return pd.DataFrame({"channel": channel, "before": before, "after": after, "gain": gain, "state": state})


def curves(results: Path) -> pd.DataFrame:
    """Hold-out PGD-10 accuracy (percent) at the best and the last epoch of each training whose log has it.

    The best epoch is the one that job.json names, whose weights are stored, or where it names none that of the log.
    """
    lines = []
    for line in runs(results):
        folder = results / str(line["run"])
        log = read_training_log(folder)
        log = log.dropna(subset="val_pgd") if "val_pgd" in log else log.head(0)
        if len(log) > 1:
            epochs: list[dict[str, float]] = [
                {str(name): value for name, value in epoch.items()} for epoch in log.to_dict("records")
            ]
            named = [epoch for epoch in epochs if epoch["epoch"] == read_job(folder).get("best_epoch")]
            best, last = named[0] if named else epochs[find_best_epoch(epochs)], epochs[-1]
            numbers = {"best": 100 * best["val_pgd"], "last": 100 * last["val_pgd"], "best epoch": best["epoch"]}
            lines.append(line | {"view": "main", "epoch": "last", "epochs": int(last["epoch"])} | numbers)
    return pd.DataFrame(lines, columns=[*RUN_COLUMNS, "best", "last", "best epoch", "epochs"])


def overfitting_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of the numbers of `curves`, a line a model, with robust overfitting `gap`: best minus last."""
    named = rows.assign(model=labels(rows), seeds=1)
    how = {"seeds": "sum", "epochs": "max", "best epoch": "mean", "best": "mean", "last": "mean"}
    table = named.groupby("model", sort=False).agg(how).reset_index()
    return table.assign(gap=table["best"] - table["last"])


SUMMARIES: Mapping[
    str, Callable[[pd.DataFrame], object]
] = {  # what is computed from an exhibit of the kind; it fails on a damaged one
    "gradient": lambda table: gradients({"": table}),
    "loss": lambda table: losses_at_radius({"": table}),
    "batchnorm": cosines,
    "features": channel_gains,
}
