"""What corruptions leave of accuracies, as a pure function of the rows and of the outcomes behind them."""

import json
import math
from collections.abc import Mapping
from statistics import fmean
from typing import Any, NamedTuple

import pandas as pd

from bench.core.files import Bits
from bench.core.parsing import format_radius
from bench.report.accuracy import Estimate
from bench.report.boards import Board
from bench.report.corruptions.attacked import attacks_of, unions
from bench.report.corruptions.scores import ALEXNET, mark, mce, relative_mce
from bench.report.corruptions.seed_means import MEAN, MODEL, by_severity, cell, clean_keys, pairs
from bench.report.labels import labels
from bench.report.rows import COMPARABLE, accuracies, of_kind, white_box

CELL = [*MODEL, "kind", "column", "severity"]
CORRUPTED = ("corruption", "union")  # kinds
REFERENCE = "Standard"  # whose score marks are relative to
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
MTLAT = ("rotation", "translation", "occlusion", "color_shift")
ORDER = (*ALEXNET, *EXTRA, *MTLAT)


class Scores(NamedTuple):
    """cells: a line a recipe, corruption (or attack) and severity, MEAN being over the severities of the table.
    errors: a line a recipe, with its clean accuracy and its means over the fifteen corruptions of ImageNet-C.
    unions: a line for each attack on corrupted images, see `unions`.
    notes: what a reader must know of the images.
    """

    cells: pd.DataFrame
    errors: pd.DataFrame
    unions: pd.DataFrame
    severities: tuple[int, ...]
    notes: tuple[str, ...]


def corruption_tables(rows: pd.DataFrame, outcomes: Mapping[str, Bits]) -> dict[tuple[Board, str], Scores]:
    """Of `results.load()`: one for each group of comparable models and each make of images, official or generated.

    outcomes: right or wrong by image, under the key of the row.
    """
    rows = of_kind(white_box(accuracies(rows)), "clean", "attack", *CORRUPTED)
    made = [_origin(_corruption(*row)) for row in pairs(rows, "kind", "params")]
    rows = rows.assign(made=made, eps=rows["eps"].round(7))
    found = {}
    shared: Any  # the key of a group is only Hashable to the type checker
    for shared, same in rows.groupby(COMPARABLE, sort=False):
        protocol, dataset, model, budget, n, data = shared
        board = Board(protocol, dataset, model, "", None, budget, n, data)
        treated = same["kind"].isin(CORRUPTED)
        for make, part in same[treated].groupby("made", sort=False):
            models = part[MODEL].drop_duplicates()  # of a run's views and epochs, some may not have been corrupted
            beside = same[~treated].merge(models, on=MODEL)
            found[board, str(make)] = _scores(pd.concat([beside, part]), outcomes, dataset)
    return found


def _origin(said: dict[str, Any]) -> str:
    """Which images stand in one table: official ones, generated ones, or those of ranges calibrated on a model."""
    made = str(said.get("made", ""))  # of what is no corruption there is nothing
    return f"{made}, calibrated on {said['calibrated']}" if "calibrated" in said else made


def _scores(part: pd.DataFrame, outcomes: Mapping[str, Bits], dataset: str) -> Scores:
    part = part.assign(recipe=labels(part), column=_columns(part), severity=part["severity"].fillna(MEAN).astype(int))
    part = part.drop_duplicates(CELL, keep="last")  # frost may have been measured with other pictures before
    place = {name: i for i, name in enumerate(ORDER)}
    part = part.assign(place=part["column"].str.partition("+")[0].map(place)).sort_values("place", kind="stable")
    severities = tuple(sorted(set(part.loc[part["kind"] == "corruption", "severity"])))
    clean = clean_keys(part)
    treated: Any = of_kind(part, "corruption", "attack")  # the key of a group is only Hashable to mypy
    cells = [
        {"recipe": recipe, "kind": kind, "name": name, "severity": severity, **cell(group, outcomes, clean, wanted)}
        for (recipe, kind, name), group in treated.groupby(["recipe", "kind", "column"], sort=False)
        for severity, wanted in _severities(kind, severities)
    ]
    frame = pd.DataFrame(cells)
    what = pd.MultiIndex.from_frame(frame[["kind", "name", "severity"]])
    reference = frame.set_index(what)[list(frame["recipe"] == REFERENCE)].reindex(what)
    frame["mark"] = [mark(own, other) for own, other in zip(_estimates(frame), _estimates(reference), strict=True)]
    return Scores(frame, _errors(frame, part, dataset), unions(part, outcomes), severities, _notes(part))


def _estimates(frame: pd.DataFrame) -> list[Estimate]:
    """The scores with their intervals."""
    return [Estimate(*line) for line in zip(*(frame[f"score{end}"] for end in ("", "_low", "_high")), strict=True)]


def _corruption(kind: str, params: str) -> dict[str, Any]:
    """What a row says of the corrupted images that it is of; nothing where they are none."""
    said: dict[str, Any] = json.loads(params or "{}") if kind in CORRUPTED else {}
    return said["corruption"] if kind == "union" else said


def _columns(part: pd.DataFrame) -> pd.Series:
    """What each row is called: corruption, attack with its ball, or both."""
    found = []
    fields = part.assign(attack=attacks_of(part))[["kind", "name", "attack", "norm", "eps"]]
    for kind, name, attack, norm, eps in fields.itertuples(index=False):
        before = f"{name.partition('+')[0]}+" if kind == "union" else ""
        found.append(f"{before}{attack} {norm} {format_radius(eps)}" if norm else attack)
    return pd.Series(found, index=part.index)


def _severities(kind: str, severities: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """A severity as the table names it, and those that it stands for."""
    if kind == "attack":
        return [(MEAN, (MEAN,))]
    return by_severity(severities)


def _errors(cells: pd.DataFrame, part: pd.DataFrame, dataset: str) -> pd.DataFrame:
    means = cells[(cells["kind"] == "corruption") & (cells["severity"] == MEAN)]
    asked = [name for name in ALEXNET if name in set(means["name"])]
    lines = []
    for recipe, own in means.groupby("recipe", sort=False):
        clean = part[(part["kind"] == "clean") & (part["recipe"] == recipe)]["value"].mean()
        errors = {name: 1 - accuracy for name, accuracy in pairs(own, "name", "accuracy")}
        scores = dict(pairs(own, "name", "score"))
        line = {"recipe": recipe, "clean": clean}
        line |= {"error": fmean(errors.get(name, math.nan) for name in asked)} if asked else {}
        line |= {"score": fmean(scores.get(name, math.nan) for name in asked)} if asked else {}
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
