"""Accuracy over radii, steps, step sizes, restarts or passes, as pure functions of the rows of `results.load()`."""

import json
import math
import re
from collections.abc import Mapping
from statistics import fmean, median_low
from typing import Any

import numpy as np
import pandas as pd

from bench.core.parsing import RADIUS_DECIMALS, format_count, format_radius
from bench.core.passes import BACKWARD
from bench.report.accuracy import SeedAccuracy, mean_over_seeds, summary
from bench.report.boards import Board
from bench.report.labels import AUTOATTACK, columns, labels
from bench.report.rows import (
    MODEL_COLUMNS,
    accuracy_rows,
    attack_rows,
    clean_rows,
    rows_of_kinds,
    sweep_rows,
    white_box_rows,
)
from bench.results.kinds import ATTACK, CLEAN, SWEEP

MIN_POINTS = 3  # least number of points of a curve
EFFORTS = {
    "steps": "Steps",
    "step": "Step, in eps",
    "restarts": "Restarts",
    "passes": "Passes an image, at most",
}  # settings of attacks, and the title of their axis
BOARD_COLUMNS = ["protocol", "dataset", "model", "norm", "budget", "n", "data"]
POINT_COLUMNS = ["panel", "recipe", "x"]


def sweep_boards(results: pd.DataFrame) -> dict[Board, pd.DataFrame]:
    """White-box rows at finite radii by the fields of BOARD_COLUMNS, with the clean rows of the same models."""
    rows = rows_of_kinds(white_box_rows(results), CLEAN, ATTACK, SWEEP)
    rows = rows[~np.isinf(rows["eps"])].assign(recipe=labels(rows), eps=rows["eps"].round(RADIUS_DECIMALS))
    clean = clean_rows(rows)
    found = {}
    key: Any  # the key of a group is only Hashable to the type checker
    for key, part in rows_of_kinds(rows, ATTACK, SWEEP).groupby(BOARD_COLUMNS, sort=False):
        protocol, dataset, model, norm, budget, n, data = key
        beside = clean.merge(part[[*MODEL_COLUMNS, "n"]].drop_duplicates(), on=[*MODEL_COLUMNS, "n"])
        found[Board(protocol, dataset, model, norm, None, budget, n, data)] = pd.concat([beside, part])
    return found


def over_eps(rows: pd.DataFrame) -> pd.DataFrame:
    """Points of accuracy over the radius: panel, recipe, x, and the fields of an `Accuracy`.

    A panel is an attack with its settings, either swept, or run at three radii or more; at 0 it has clean accuracy.
    """
    rows = accuracy_rows(rows)
    plain = attack_rows(rows).assign(panel=lambda plain: columns(plain))
    clean = clean_rows(rows).drop(columns="eps").assign(eps=0.0)
    start = clean.merge(plain[[*MODEL_COLUMNS, "panel"]].drop_duplicates(), on=MODEL_COLUMNS)
    plain = _keep_long_curves(pd.concat([start, plain]).assign(x=lambda points: points["eps"]), 1 + MIN_POINTS)
    return _cells(pd.concat([_label_sweeps(rows).assign(x=lambda points: points["eps"]), plain]))


def over_effort(rows: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Points of accuracy over `steps` or another of EFFORTS, as `over_eps`; panels differ in the other settings."""
    return _cells(_effort_rows(rows, setting))


def curves_by_axis(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The points of `over_eps` by `eps`, and those of `over_effort` by the setting."""
    return {"eps": over_eps(rows)} | {setting: over_effort(rows, setting) for setting in EFFORTS}


def format_x(axis: str, x: float) -> str:
    """A radius or the value of a setting as text. axis: a key of `curves_by_axis`."""
    if axis == "eps":
        return format_radius(x)
    return f"{x:g}eps" if axis == "step" else f"{x:.0f}"


def autoattack_beside(rows: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Accuracy under AutoAttack beside the points of `over_effort`: panel, recipe, value (percent) and passes.

    It is that at the radius of the panel; passes: forward ones of an image, a backward pass counted as two. Of several
    seeds both are means. No lines if AutoAttack did not run there.
    """
    curves = _effort_rows(rows, setting)[["panel", "recipe", "eps"]].drop_duplicates()
    rows = attack_rows(accuracy_rows(rows))
    rows = rows[(rows["name"] == AUTOATTACK) & rows["value"].notna()]
    rows = rows.assign(value=100 * rows["value"], passes=rows["forwards"] + BACKWARD * rows["backwards"])
    beside = curves.merge(rows[["recipe", "eps", "value", "passes"]], on=["recipe", "eps"])
    return beside.groupby(["panel", "recipe"], as_index=False, sort=False)[["value", "passes"]].mean()


def _effort_rows(rows: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Rows of attacks that were run with several values of a setting, with x, that value, and their panel."""
    rows = attack_rows(accuracy_rows(rows))
    uses = [json.loads(params or "{}") for params in rows["params"]]
    named = rows["name"].str.replace(r"-\d+", "-k", regex=True) if setting == "steps" else rows["name"]
    rest = [json.dumps({key: value for key, value in use.items() if key != setting}) for use in uses]
    rows = rows.assign(x=[_x_value(use, setting, eps) for use, eps in zip(uses, rows["eps"], strict=True)])
    titles = columns(rows.assign(name=named, params=rest))
    rows = rows.assign(
        panel=[f"{title}, eps {format_radius(eps)}" for title, eps in zip(titles, rows["eps"], strict=True)]
    )
    return _keep_long_curves(rows.dropna(subset="x"), MIN_POINTS)


def areas(rows: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """By panel and recipe: area below the curve (percent of a perfect model's) and median radius, with intervals.

    Intervals are 95 % of one seed; of several seeds mean -+ std for the area, and the range for the radius. They are
    NaN for attacks that were run at each radius by itself. points: of `over_eps`.
    """
    table = []
    swept = _label_sweeps(rows)
    for (panel, recipe), curve in points.groupby(["panel", "recipe"], sort=False):
        same = swept[(swept["panel"] == panel) & (swept["recipe"] == recipe)]
        area, median = (same[same["metric"] == metric] for metric in ("area", "median radius"))
        numbers = _integrate(curve) if area.empty or median.empty else _combine_stored(area, median)
        table.append({"panel": panel, "recipe": recipe, "largest": curve["x"].max()} | numbers)
    found = pd.DataFrame(table, columns=["panel", "recipe", "largest", *_NUMBERS])
    return found.sort_values(["panel", "area"], ascending=[True, False], ignore_index=True)


_NUMBERS = ["area", "area low", "area high", "median", "median low", "median high", "seeds"]


def _combine_stored(*parts: pd.DataFrame) -> dict[str, float]:
    area, median = ([list(map(float, part[c])) for c in ("value", "ci_low", "ci_high")] for part in parts)
    seeds, under = len(area[0]), [fmean(part) for part in area]
    if seeds > 1:
        mean = mean_over_seeds(area[0])
        under = [mean.value, mean.low, mean.high]
    middle = median_low(median[0])
    low, high = (min(median[0]), max(median[0])) if seeds > 1 else (median[1][0], median[2][0])
    shares = [100 * share for share in under]
    return dict(zip(_NUMBERS, [*shares, middle, low, high, seeds], strict=True))


def _integrate(curve: pd.DataFrame) -> dict[str, float]:
    """Area and median radius of a curve that was measured point by point; NaN if a point is missing."""
    curve = curve.sort_values("x")
    x, y = curve["x"].to_numpy(), curve["value"].to_numpy()
    area, below = float(np.trapezoid(y, x) / x[-1]), x[y <= 50]
    median = math.nan if math.isnan(area) else float(below[0]) if len(below) else math.inf
    nan = math.nan
    return dict(zip(_NUMBERS, [area, nan, nan, median, nan, nan, int(curve["seeds"].min())], strict=True))


def _label_sweeps(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of sweeps, with their panel in a column."""
    rows = sweep_rows(rows)
    uses = [json.loads(params) for params in rows["params"]]
    grids = [use.pop("sweep") for use in uses]
    titles = columns(rows.assign(kind=ATTACK, params=[json.dumps(use) for use in uses]))
    panels = [
        f"{title}, swept over {format_count(len(grid), 'radius', 'radii')}"
        for title, grid in zip(titles, grids, strict=True)
    ]
    return rows.assign(panel=panels)


def _keep_long_curves(points: pd.DataFrame, fewest: int) -> pd.DataFrame:
    """Keep the panels in which some recipe has at least `fewest` points."""
    counts = points.groupby(["panel", "recipe"])["x"].nunique().groupby("panel").max()
    return points[points["panel"].map(counts).fillna(0) >= fewest]


def _cells(points: pd.DataFrame) -> pd.DataFrame:
    """Combine the seeds of each point, sorted by x."""
    points = points.drop_duplicates([*MODEL_COLUMNS, "panel", "x"], keep="last")
    seeds: dict[tuple[Any, ...], list[SeedAccuracy]] = {}
    for *key, value, n, status in zip(
        *(points[name] for name in (*POINT_COLUMNS, "value", "n", "status")), strict=True
    ):
        seeds.setdefault(tuple(key), []).append(SeedAccuracy(value, n, status, None))
    found = [dict(zip(POINT_COLUMNS, key, strict=True)) | summary(seeds[key])._asdict() for key in sorted(seeds)]
    return pd.DataFrame(found, columns=[*POINT_COLUMNS, "value", "std", "low", "high", "seeds", "status"])


def _x_value(use: Mapping[str, Any], setting: str, eps: float) -> float:
    value = use.get(setting, math.nan)
    if setting != "step" or not isinstance(value, str):
        return float(value)
    return float(re.sub("eps$", "", value)) / (1.0 if value.endswith("eps") else eps)
