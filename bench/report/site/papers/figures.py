"""A paper's figure as charts, if it consists of curves; other figures are shown as pictures."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.core.parsing import format_radius
from bench.report.site.chart import Chart, ChartPoint, line_looks, lines
from bench.report.studies.printed_figure import FigureSpec, models_of
from bench.report.studies.scale_data import ScaleData
from bench.report.studies.study import Item

CURVE_TITLES = {"val_clean": "Clean, held-out images", "val_pgd": "PGD-10, held-out images"}


@dataclass(frozen=True)
class Figure:
    """The charts of a figure; empty if it does not consist of curves."""

    charts: tuple[Chart, ...] = ()


def paper_figure(item: Item, found: ScaleData, home: str) -> Figure | None:
    """The charts of an item; None if it is no figure, or there is no data."""
    if not isinstance(item.content, FigureSpec):
        return None
    points = item.content.points(models_of(item, found, home))
    if points.empty:
        return None
    if {"panel", "x", "value"} <= set(points):
        return Figure(_panels(points))
    return Figure(_epochs(points)) if {"epoch", "method", *CURVE_TITLES} <= set(points) else Figure()


def _panels(points: pd.DataFrame) -> tuple[Chart, ...]:
    """Charts of accuracy over eps or steps, one for each panel."""
    is_radius = bool((points["x"] < 1).all())
    head, say = ("Radius", format_radius) if is_radius else ("Steps", "{:g}".format)
    looks = line_looks(points["recipe"])
    charts = []
    for panel, part in points.dropna(subset=["value"]).groupby("panel", sort=False):
        curves = {
            str(name): [_point(str(name), say(line["x"]), line) for line in own.sort_values("x").to_dict("records")]
            for name, own in part.groupby("recipe", sort=False)
        }
        charts.append(lines(str(panel), (head, "Accuracy (%)"), curves, looks, lambda name: ""))
    return tuple(charts)


def _point(name: str, where: str, line: dict[Any, Any]) -> ChartPoint:
    low, high = line.get("low", math.nan), line.get("high", math.nan)
    between = "" if math.isnan(low) else f" ({low:.1f} to {high:.1f})"
    tip = f"{name}, {where}: {line['value']:.1f}{between}"
    return ChartPoint(name, float(line["x"]), line["value"], tip, y_low=low, y_high=high)


def _epochs(points: pd.DataFrame) -> tuple[Chart, ...]:
    """Charts of accuracy on held-out images by epoch, means over seeds."""
    looks, charts = line_looks(points["method"]), []
    for column, title in CURVE_TITLES.items():
        means = points.groupby(["method", "epoch"], sort=False)[column].mean().dropna().reset_index()
        curves = {
            str(name): [
                ChartPoint(str(name), epoch, 100 * value, f"{name}, epoch {epoch:g}: {100 * value:.1f}")
                for epoch, value in zip(own["epoch"], own[column], strict=True)
            ]
            for name, own in means.groupby("method", sort=False)
        }
        charts.append(lines(title, ("Epoch", "Accuracy (%)"), curves, looks, lambda name: ""))
    return tuple(charts)
