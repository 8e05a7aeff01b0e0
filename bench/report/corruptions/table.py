"""Tables of accuracy on corrupted images, a pure function of rows and outcomes."""

import json
import math
from collections.abc import Mapping
from statistics import fmean
from typing import Any, NamedTuple

import pandas as pd

from bench.core.files import Bits
from bench.core.parsing import RADIUS_DECIMALS, format_radius
from bench.report.accuracy import Estimate
from bench.report.boards import Board
from bench.report.corruptions.attacked import attacks_of, unions
from bench.report.corruptions.scores import ALEXNET, mark, mce, relative_mce
from bench.report.corruptions.seed_means import ALL_SEVERITIES, by_severity, cell, clean_keys, pairs
from bench.report.labels import STANDARD_RECIPE, labels
from bench.report.rows import (
    COMPARABLE,
    MODEL_COLUMNS,
    accuracy_rows,
    clean_rows,
    corruption_rows,
    rows_of_kinds,
    white_box_rows,
)
from bench.results.kinds import ATTACK, CLEAN, CORRUPTION, KINDS_WITH_CORRUPTION, UNION

CELL_COLUMNS = [*MODEL_COLUMNS, "kind", "column", "severity"]
EXTRA_CORRUPTIONS = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
MTLAT_CORRUPTIONS = ("rotation", "translation", "occlusion", "color_shift")
CORRUPTION_ORDER = (*ALEXNET, *EXTRA_CORRUPTIONS, *MTLAT_CORRUPTIONS)
C_SETS = ("CIFAR-10-C", "CIFAR-100-C", "Tiny-ImageNet-C", "ImageNet-C")  # published sets of those corruptions


class Scores(NamedTuple):
    """The numbers of one table.

    cells: a line for each recipe, corruption (or attack) and severity; ALL_SEVERITIES: the mean over those here.
    errors: a line for each recipe, with clean accuracy and means over the fifteen corruptions of ImageNet-C, or those
        of another published set whose images these are.
    unions: a line for each attack on corrupted images, see `unions`.
    notes: sentences on the origin of the images.
    published_set: another published set than those of ImageNet-C's corruptions, such as CIFAR-10-C-Bar; else empty.
    """

    cells: pd.DataFrame
    errors: pd.DataFrame
    unions: pd.DataFrame
    severities: tuple[int, ...]
    notes: tuple[str, ...]
    published_set: str = ""


def means_over_severities(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of corruptions that are means over all severities."""
    return corruption_rows(cells[cells["severity"] == ALL_SEVERITIES])


def single_severities(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of corruptions that are of one severity."""
    return corruption_rows(cells[cells["severity"] != ALL_SEVERITIES])


def corruption_tables(rows: pd.DataFrame, outcomes: Mapping[str, Bits]) -> dict[tuple[Board, str], Scores]:
    """A table for each group of comparable models and each origin of the images, such as official or generated.

    Published sets of other corruptions than ImageNet-C's have tables of their own, so that no mean mixes two sets.

    rows: of `results.load()`. outcomes: (n,) bool by key of the row, True where the model is correct.
    """
    rows = rows_of_kinds(white_box_rows(accuracy_rows(rows)), CLEAN, ATTACK, *KINDS_WITH_CORRUPTION)
    made = [_origin(_corruption(*row)) for row in pairs(rows, "kind", "params")]
    rows = rows.assign(made=made, eps=rows["eps"].round(RADIUS_DECIMALS))
    found = {}
    shared: Any  # the key of a group is only Hashable to the type checker
    for shared, same in rows.groupby(COMPARABLE, sort=False):
        protocol, dataset, model, budget, n, data = shared
        board = Board(protocol, dataset, model, "", None, budget, n, data)
        is_corrupted = same["kind"].isin(KINDS_WITH_CORRUPTION)
        for make, part in same[is_corrupted].groupby("made", sort=False):
            models = part[MODEL_COLUMNS].drop_duplicates()  # some views and epochs may have no corruptions
            beside = same[~is_corrupted].merge(models, on=MODEL_COLUMNS)
            found[board, str(make)] = _scores(pd.concat([beside, part]), outcomes, dataset)
    return found


def _origin(params: dict[str, Any]) -> str:
    """The origin of corrupted images: official, with the name of a set that is not ImageNet-C's, or generated."""
    made = str(params.get("made", ""))  # empty for rows without a corruption
    if other := other_set(params):
        return f"{made}, {other}"
    return f"{made}, calibrated on {params['calibrated']}" if "calibrated" in params else made


def other_set(params: dict[str, Any]) -> str:
    """The published set that images are of, if its corruptions are others than ImageNet-C's; else empty."""
    name = str(params.get("set", ""))
    return "" if name in C_SETS else name


def _scores(part: pd.DataFrame, outcomes: Mapping[str, Bits], dataset: str) -> Scores:
    part = part.assign(
        recipe=labels(part), column=_columns(part), severity=part["severity"].fillna(ALL_SEVERITIES).astype(int)
    )
    part = part.drop_duplicates(CELL_COLUMNS, keep="last")  # frost may be measured twice, with other ice images
    place = {name: i for i, name in enumerate(CORRUPTION_ORDER)}
    part = part.assign(place=part["column"].str.partition("+")[0].map(place)).sort_values("place", kind="stable")
    severities = tuple(sorted(set(corruption_rows(part)["severity"])))
    clean = clean_keys(part)
    measured: Any = rows_of_kinds(part, CORRUPTION, ATTACK)  # the key of a group is only Hashable to mypy
    cells = [
        {"recipe": recipe, "kind": kind, "name": name, "severity": severity, **cell(group, outcomes, clean, wanted)}
        for (recipe, kind, name), group in measured.groupby(["recipe", "kind", "column"], sort=False)
        for severity, wanted in _severities(kind, severities)
    ]
    frame = pd.DataFrame(cells)
    what = pd.MultiIndex.from_frame(frame[["kind", "name", "severity"]])
    reference = frame.set_index(what)[list(frame["recipe"] == STANDARD_RECIPE)].reindex(what)
    frame["mark"] = [mark(own, other) for own, other in zip(_estimates(frame), _estimates(reference), strict=True)]
    (published_set,) = {
        other_set(_corruption(*row)) for row in pairs(rows_of_kinds(part, *KINDS_WITH_CORRUPTION), "kind", "params")
    }
    errors = _errors(frame, part, dataset, published_set)
    return Scores(frame, errors, unions(part, outcomes), severities, _notes(part), published_set)


def _estimates(frame: pd.DataFrame) -> list[Estimate]:
    """The scores with their intervals."""
    return [Estimate(*line) for line in zip(*(frame[f"score{end}"] for end in ("", "_low", "_high")), strict=True)]


def _corruption(kind: str, params: str) -> dict[str, Any]:
    """The parameters of a row's corruption; empty if it has none."""
    settings: dict[str, Any] = json.loads(params or "{}") if kind in KINDS_WITH_CORRUPTION else {}
    return settings["corruption"] if kind == UNION else settings


def _columns(part: pd.DataFrame) -> pd.Series:
    """The title of each row: corruption, attack with its threat, or both."""
    found = []
    fields = part.assign(attack=attacks_of(part))[["kind", "name", "attack", "norm", "eps"]]
    for kind, name, attack, norm, eps in fields.itertuples(index=False):
        before = f"{name.partition('+')[0]}+" if kind == UNION else ""
        found.append(f"{before}{attack} {norm} {format_radius(eps)}" if norm else attack)
    return pd.Series(found, index=part.index)


def _severities(kind: str, severities: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """The severities of a table's cells, each with those to average over; attacks have none."""
    if kind == ATTACK:
        return [(ALL_SEVERITIES, (ALL_SEVERITIES,))]
    return by_severity(severities)


def _errors(cells: pd.DataFrame, part: pd.DataFrame, dataset: str, published_set: str) -> pd.DataFrame:
    means = means_over_severities(cells)
    there = list(dict.fromkeys(means["name"]))
    shown = there if published_set else [name for name in ALEXNET if name in there]
    lines = []
    for recipe, own in means.groupby("recipe", sort=False):
        clean = clean_rows(part[part["recipe"] == recipe])["value"].mean()
        errors = {name: 1 - accuracy for name, accuracy in pairs(own, "name", "accuracy")}
        scores = dict(pairs(own, "name", "score"))
        line = {"recipe": recipe, "clean": clean}
        line |= {"error": fmean(errors.get(name, math.nan) for name in shown)} if shown else {}
        line |= {"score": fmean(scores.get(name, math.nan) for name in shown)} if shown else {}
        if dataset == "imagenet" and not published_set:  # AlexNet's errors are those on its 1,000 classes
            line |= {"mce": mce(errors), "relative_mce": relative_mce(errors, 1 - clean)}
        lines.append(line)
    return pd.DataFrame(lines)


def _notes(part: pd.DataFrame) -> tuple[str, ...]:
    made = corruption_rows(part)["params"].map(json.loads)
    notes = []
    if sets := sorted({params["set"] for params in made if params["made"] == "official"}):
        notes.append(f"Images are those of {', '.join(sets)}.")
    if tables := sorted({params["table"] for params in made if params["made"] == "generated"}):
        sizes = ", ".join(map(str, tables))
        notes.append(f"Images are generated, with the official parameters for {sizes} pixels; not the published files.")
    if any(params.get("ice") == "procedural" for params in made):
        notes.append("Frost is a procedural texture, no standard: its numbers compare with nobody else's.")
    return tuple(notes)
