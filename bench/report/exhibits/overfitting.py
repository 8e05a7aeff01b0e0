"""Robust overfitting: hold-out accuracies under attack at the best and the last epoch, from training logs."""

from pathlib import Path

import pandas as pd

from bench.report.exhibits.exhibit_files import RUN_COLUMNS, runs
from bench.report.labels import labels
from bench.report.training_logs import read_training_log
from bench.results.best_epoch import find_best_epoch
from bench.results.store import read_job


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
