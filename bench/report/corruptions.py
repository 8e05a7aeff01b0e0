"""What corruptions leave of accuracies, as pure functions of the rows and of the outcomes behind them.

Hendrycks & Dietterich, ICLR 2019, arXiv:1903.12261 (corruption error); Laugros, Caplier, Ospici, 2020, arXiv:2008.08384
(robustness score and its marks).
"""

import json
import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.report.boards import Board
from bench.report.naming import columns, labels
from bench.results import Bits

NAN = math.nan
Z = 1.959963984540054  # of a 95 % interval
MEAN = 0  # in the place of a severity
REFERENCE = "Standard"  # whose score marks are relative to
ALEXNET = {  # error by corruption, mean over severities, on ImageNet-1k; from augmix, in the order of ImageNet-C
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}
ALEXNET_CLEAN = 0.43478  # torchvision's AlexNet
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
MTLAT = ("rotation", "translation", "occlusion", "color_shift")
ORDER = (*ALEXNET, *EXTRA, *MTLAT)


class Measured(NamedTuple):
    """A fraction and its 95 % interval, or NaN."""

    value: float
    low: float
    high: float


NOTHING = Measured(NAN, NAN, NAN)


class Scores(NamedTuple):
    """cells: a line a recipe, corruption (or attack) and severity, MEAN being over the severities of the table.
    errors: a line a recipe, with its clean accuracy and its means over the fifteen corruptions of ImageNet-C.
    notes: what a reader must know of the images.
    """

    cells: pd.DataFrame
    errors: pd.DataFrame
    severities: tuple[int, ...]
    notes: tuple[str, ...]


def corruption_tables(rows: pd.DataFrame, outcomes: Mapping[str, Bits]) -> dict[tuple[Board, str], Scores]:
    """Of `results.load()`: one for each group of comparable models and each make of images, official or generated.

    outcomes: right or wrong by image, under the key of the row.
    """
    accuracies = rows[(rows["metric"] == "accuracy") & (rows["source"] == "")]
    accuracies = accuracies[accuracies["kind"].isin(["clean", "attack", "corruption"])]
    made = [json.loads(p)["made"] if k == "corruption" else "" for k, p in _pairs(accuracies, "kind", "params")]
    accuracies = accuracies.assign(made=made)
    found = {}
    shared: Any  # the key of a group is only Hashable to the type checker
    for shared, same in accuracies.groupby(["protocol", "dataset", "model", "budget", "n", "data"], sort=False):
        protocol, dataset, model, budget, n, data = shared
        board = Board(protocol, dataset, model, "", None, budget, n, data)
        corrupted = same[same["kind"] == "corruption"]
        for make, part in corrupted.groupby("made", sort=False):
            beside = same[(same["kind"] != "corruption") & same["run"].isin(part["run"])]
            found[board, str(make)] = _scores(pd.concat([beside, part]), outcomes, dataset)
    return found


def score(treated: Sequence[Bits], clean: Bits) -> tuple[Measured, Measured]:
    """Accuracy under a treatment, and its ratio to clean accuracy.

    treated: outcomes on the same images, one for each severity. Intervals are of the images alone: of a mean by the
    spread of the images' own means, of a ratio by the delta method, as both of its parts are of the same images.
    """
    share, right = np.mean(treated, axis=0), clean.astype(float)
    accuracy = _around(float(share.mean()), share)
    if not clean.any():
        return accuracy, NOTHING
    ratio = float(share.mean() / right.mean())
    return accuracy, _around(ratio, (share - ratio * right) / right.mean())


def _around(value: float, parts: np.ndarray[Any, np.dtype[np.float64]]) -> Measured:
    half = Z * float(parts.std()) / math.sqrt(len(parts))
    return Measured(value, max(0.0, value - half), value + half)


def mce(errors: Mapping[str, float]) -> float:
    """Mean corruption error in percent of AlexNet's, of errors by corruption; NaN where one is missing."""
    return 100 * fmean(errors.get(name, NAN) / alexnet for name, alexnet in ALEXNET.items())


def relative_mce(errors: Mapping[str, float], clean_error: float) -> float:
    """The same of what corruptions add to the error on clean images."""
    added = {name: errors.get(name, NAN) - clean_error for name in ALEXNET}
    return 100 * fmean(added[name] / (alexnet - ALEXNET_CLEAN) for name, alexnet in ALEXNET.items())


def mark(value: float, reference: float) -> str:
    """+ or - where a score differs from the reference's in its second decimal."""
    if math.isnan(value) or math.isnan(reference) or round(value, 2) == round(reference, 2):
        return ""
    return "+" if value > reference else "-"


def _scores(part: pd.DataFrame, outcomes: Mapping[str, Bits], dataset: str) -> Scores:
    part = part.assign(recipe=labels(part), column=columns(part), severity=part["severity"].fillna(MEAN).astype(int))
    part.loc[part["kind"] == "corruption", "column"] = part["name"]
    severities = tuple(sorted(set(part.loc[part["kind"] == "corruption", "severity"])))
    cells = [
        {"recipe": recipe, "kind": kind, "name": name, "severity": severity, **_cell(group, outcomes, part, wanted)}
        for (recipe, kind, name), group in _treated(part)
        for severity, wanted in _asked(kind, severities)
    ]
    frame = pd.DataFrame(cells)
    same = {(c["kind"], c["name"], c["severity"]): c["score"] for c in cells if c["recipe"] == REFERENCE}
    keys = zip(frame["kind"], frame["name"], frame["severity"], strict=True)
    frame["mark"] = [mark(value, same.get(key, NAN)) for value, key in zip(frame["score"], keys, strict=True)]
    return Scores(frame, _errors(frame, part, dataset), severities, _notes(part))


def _treated(part: pd.DataFrame) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    """The rows by recipe, kind and name, corruptions in the order of the papers."""
    place = {name: i for i, name in enumerate(ORDER)}
    treated = part[part["kind"] != "clean"]
    groups: list[Any] = list(treated.groupby(["recipe", "kind", "column"], sort=False))
    return sorted(groups, key=lambda group: (group[0][1] == "attack", place.get(group[0][2], len(place))))


def _asked(kind: str, severities: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """A severity as the table names it, and those that it stands for."""
    if kind == "attack":
        return [(MEAN, (MEAN,))]
    return [*((severity, (severity,)) for severity in severities), (MEAN, severities)]


def _cell(
    group: pd.DataFrame, outcomes: Mapping[str, Bits], part: pd.DataFrame, wanted: tuple[int, ...]
) -> dict[str, object]:
    """Accuracy and score of one recipe under one treatment: of one seed, or the mean and spread of several."""
    seeds, failed = [], ""
    for run, rows in group.groupby(["run", "view", "epoch"], sort=False):
        clean = part[(part["kind"] == "clean") & (part["run"] == run[0])]
        clean = clean[(clean["view"] == run[1]) & (clean["epoch"] == run[2])]
        keys = {severity: key for severity, key in _pairs(rows, "severity", "key")}
        bits = [outcomes.get(keys.get(severity, "")) for severity in wanted]
        known = [b for b in bits if b is not None]
        plain = outcomes.get(clean["key"].iloc[0]) if len(clean) else None
        if len(known) == len(wanted) and plain is not None:
            seeds.append(score(known, plain))
        failed = failed or next((s for s in rows["status"] if s.startswith("failed")), "")
    accuracy, ratio = (_together(list(found)) for found in zip(*seeds, strict=True)) if seeds else (NOTHING, NOTHING)
    status = failed or ("ok" if seeds else "missing")
    said = {"seeds": len(seeds), "status": status}
    for name, measured in (("accuracy", accuracy), ("score", ratio)):
        said |= {name: measured.value, f"{name}_low": measured.low, f"{name}_high": measured.high}
    return said


def _together(seeds: list[Measured]) -> Measured:
    """Of one seed its own interval; of several mean and standard deviation."""
    if len(seeds) == 1:
        return seeds[0]
    mean, spread = fmean(seed.value for seed in seeds), stdev(seed.value for seed in seeds)
    return Measured(mean, max(0.0, mean - spread), mean + spread)


def _errors(cells: pd.DataFrame, part: pd.DataFrame, dataset: str) -> pd.DataFrame:
    means = cells[(cells["kind"] == "corruption") & (cells["severity"] == MEAN)]
    lines = []
    for recipe, own in means.groupby("recipe", sort=False):
        clean = part[(part["kind"] == "clean") & (part["recipe"] == recipe)]["value"].mean()
        errors = {name: 1 - accuracy for name, accuracy in _pairs(own, "name", "accuracy")}
        scores = dict(_pairs(own, "name", "score"))
        line = {"recipe": recipe, "clean": clean}
        line |= {"error": fmean(errors.get(name, NAN) for name in ALEXNET)}
        line |= {"score": fmean(scores.get(name, NAN) for name in ALEXNET)}
        if dataset == "imagenet":  # AlexNet's errors are those on its 1,000 classes
            line |= {"mce": mce(errors), "relative_mce": relative_mce(errors, 1 - clean)}
        lines.append(line)
    return pd.DataFrame(lines)


def _notes(part: pd.DataFrame) -> tuple[str, ...]:
    made = part.loc[part["kind"] == "corruption", "params"].map(json.loads)
    notes = []
    if sets := sorted({said["set"] for said in made if said["made"] == "official"}):
        notes.append(f"Images are those of {', '.join(sets)}.")
    if tables := sorted({said["table"] for said in made if said["made"] == "generated"}):
        sizes = ", ".join(map(str, tables))
        notes.append(f"Images are generated, with the official parameters for {sizes} pixels; not the published files.")
    if any(said.get("ice") == "procedural" for said in made):
        notes.append("Frost is a procedural texture, no standard: its numbers compare with nobody else's.")
    return tuple(notes)


def _pairs(frame: pd.DataFrame, one: str, other: str) -> list[tuple[Any, Any]]:
    return list(zip(frame[one], frame[other], strict=True))
