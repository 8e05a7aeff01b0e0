"""What corruptions leave of accuracies, as a pure function of the rows and of the outcomes behind them."""

import json
from collections.abc import Mapping
from statistics import fmean
from typing import Any, NamedTuple

import pandas as pd

from bench.numbers import radius
from bench.report.boards import Board
from bench.report.naming import columns, labels
from bench.report.scores import ALEXNET, NAN, NOTHING, mark, mce, relative_mce, score, together
from bench.results import Bits

CELL = ["run", "view", "epoch", "kind", "name", "norm", "eps", "severity"]
MEAN = 0  # in the place of a severity
REFERENCE = "Standard"  # whose score marks are relative to
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
MTLAT = ("rotation", "translation", "occlusion", "color_shift")
ORDER = (*ALEXNET, *EXTRA, *MTLAT)


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
    accuracies = accuracies.assign(made=made, eps=accuracies["eps"].round(7))
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


def _scores(part: pd.DataFrame, outcomes: Mapping[str, Bits], dataset: str) -> Scores:
    part = part.drop_duplicates(CELL, keep="last")  # frost may have been measured with other pictures before
    part = part.assign(recipe=labels(part), column=columns(part), severity=part["severity"].fillna(MEAN).astype(int))
    part["column"] = [
        name if kind == "corruption" else f"{column} {norm} {radius(eps)}"
        for kind, name, column, norm, eps in part[["kind", "name", "column", "norm", "eps"]].itertuples(index=False)
    ]
    severities = tuple(sorted(set(part.loc[part["kind"] == "corruption", "severity"])))
    cells = [
        {"recipe": recipe, "kind": kind, "name": name, "severity": severity, **_cell(group, outcomes, part, wanted)}
        for (recipe, kind, name), group in _treated(part)
        for severity, wanted in _asked(kind, severities)
    ]
    frame = pd.DataFrame(cells)
    what = pd.MultiIndex.from_frame(frame[["kind", "name", "severity"]])
    reference = frame.set_index(what)[list(frame["recipe"] == REFERENCE)]["score"].reindex(what)
    frame["mark"] = [mark(value, other) for value, other in zip(frame["score"], reference, strict=True)]
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
        keys = dict(_pairs(rows, "severity", "key"))
        bits = [outcomes.get(keys.get(severity, "")) for severity in wanted]
        known = [b for b in bits if b is not None]
        plain = outcomes.get(clean["key"].iloc[0]) if len(clean) else None
        if len(known) == len(wanted) and plain is not None:
            seeds.append(score(known, plain))
        failed = failed or next((s for s in rows["status"] if s.startswith("failed")), "")
    accuracy, ratio = (together(list(found)) for found in zip(*seeds, strict=True)) if seeds else (NOTHING, NOTHING)
    status = failed or ("ok" if seeds else "missing")
    said = {"seeds": len(seeds), "status": status}
    for name, measured in (("accuracy", accuracy), ("score", ratio)):
        said |= {name: measured.value, f"{name}_low": measured.low, f"{name}_high": measured.high}
    return said


def _errors(cells: pd.DataFrame, part: pd.DataFrame, dataset: str) -> pd.DataFrame:
    means = cells[(cells["kind"] == "corruption") & (cells["severity"] == MEAN)]
    asked = [name for name in ALEXNET if name in set(means["name"])]
    lines = []
    for recipe, own in means.groupby("recipe", sort=False):
        clean = part[(part["kind"] == "clean") & (part["recipe"] == recipe)]["value"].mean()
        errors = {name: 1 - accuracy for name, accuracy in _pairs(own, "name", "accuracy")}
        scores = dict(_pairs(own, "name", "score"))
        line = {"recipe": recipe, "clean": clean}
        line |= {"error": fmean(errors.get(name, NAN) for name in asked)} if asked else {}
        line |= {"score": fmean(scores.get(name, NAN) for name in asked)} if asked else {}
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
