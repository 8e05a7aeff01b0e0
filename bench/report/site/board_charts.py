"""The charts of a board's page."""

import math
from functools import partial
from typing import Any

import pandas as pd

from bench.report.boards import Board
from bench.report.corruptions.page import find_tables
from bench.report.corruptions.table import single_severities
from bench.report.labels import condition_name, line_name, panel_names
from bench.report.leaderboard.page import Report
from bench.report.leaderboard.scatter import COST_COLUMN, is_scatter
from bench.report.leaderboard.table import ranking_column
from bench.report.plotting.best_curves import best_recipes
from bench.report.site.chart import Chart, ChartCurve, ChartPoint, Href, line_looks, lines, scatter
from bench.report.site.data import SiteData
from bench.report.sweeps.page import failures
from bench.report.sweeps.table import EFFORTS, curves_by_axis, format_x, sweep_boards


def against_robust(report: Report, href: Href) -> list[Chart]:
    """Charts of clean accuracy and cost against the accuracy that ranks the board; those that would show something."""
    table, score, charts = report.table, ranking_column(report.table), []
    if is_scatter(table, "Clean", score):
        points = [_clean_point(line, score, href(line["recipe"])) for line in _lines(table)]
        axes = ("Clean accuracy (%)", f"{condition_name(score)} (%)")
        charts.append(scatter("Clean against robust", axes, _drop_unknown(points)))
    if is_scatter(table, COST_COLUMN, score):
        points = [_cost_point(line, score, href(line["recipe"])) for line in _lines(table)]
        axes = ("Passes per image of a training step", f"{condition_name(score)} (%)")
        charts.append(scatter("Cost against robust", axes, _drop_unknown(points)))
    return charts


def _lines(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.to_dict("records")


def _drop_unknown(points: list[ChartPoint]) -> list[ChartPoint]:
    return [point for point in points if not math.isnan(point.x + point.y)]


def _clean_point(line: dict[Any, Any], score: str, href: str) -> ChartPoint:
    accuracies = f"{_accuracy_words(line, 'Clean')}; {_accuracy_words(line, score)}"
    tip = f"{line_name(line['recipe'])}: {accuracies}; {_context(line)}"
    point = ChartPoint(line_name(line["recipe"]), line["Clean"], line[score], tip, href, _verdict_word(line))
    ends = (line[f"{score} low"], line[f"{score} high"], line["Clean low"], line["Clean high"])
    return point._replace(y_low=ends[0], y_high=ends[1], x_low=ends[2], x_high=ends[3])


def _cost_point(line: dict[Any, Any], score: str, href: str) -> ChartPoint:
    tip = f"{line_name(line['recipe'])}: {line['passes']:.3g} passes; {_accuracy_words(line, score)}; {_context(line)}"
    point = ChartPoint(line_name(line["recipe"]), line["passes"], line[score], tip, href, _verdict_word(line))
    return point._replace(y_low=line[f"{score} low"], y_high=line[f"{score} high"])


def _verdict_word(line: dict[Any, Any]) -> str:
    return str(line["verdict"]).partition(":")[0] or "ok"


def _accuracy_words(line: dict[Any, Any], column: str) -> str:
    return f"{condition_name(column)} {line[column]:.1f} ({line[f'{column} low']:.1f} to {line[f'{column} high']:.1f})"


def _context(line: dict[Any, Any]) -> str:
    seeds = f", {line['seeds']} seeds" if line["seeds"] > 1 else ""
    return f"n={line['n']}{seeds}; {_verdict_word(line)}"


def sweeps(data: SiteData, board: Board, href: Href) -> tuple[list[Chart], list[str]]:
    """Charts of accuracy over radii, steps, step sizes, restarts and passes, and a sentence on each failure.

    There is a chart for each attack that has a point.
    """
    rows = sweep_boards(data.rows).get(board._replace(eps=None))
    if rows is None:
        return [], []
    found = []
    curves = curves_by_axis(rows)
    for axis, points in curves.items():
        head = f"Radius ({board.norm})" if axis == "eps" else EFFORTS[axis]
        points = points.assign(n=board.n, tip=points["x"].map(partial(format_x, axis)))
        names = panel_names(points["panel"].unique())
        attacked = points[points["x"] > 0].dropna(subset="value")  # at 0 stands the clean accuracy
        measured = points[points["panel"].isin(attacked["panel"])]
        found += [(names[str(panel)], head, part) for panel, part in measured.groupby("panel", sort=False)]
    return _charts(found, href), failures(curves)


def severities(data: SiteData, board: Board, href: Href) -> list[Chart]:
    """Charts of accuracy by severity, one for each corruption."""
    found = []
    for (other, make), scores in find_tables(data.results).items():
        if other != board._replace(norm="", eps=None):
            continue
        cells = single_severities(scores.cells)
        percent = {end: 100 * cells[f"accuracy{end}"] for end in ("", "_low", "_high")}
        points = cells[["recipe", "name"]].assign(x=cells["severity"], n=board.n, value=percent[""])
        points = points.assign(low=percent["_low"], high=percent["_high"], tip="severity " + points["x"].astype(str))
        suffix = "" if make == "generated" else f" ({make})"
        found += [
            (f"{str(name).replace('_', ' ')}{suffix}", "Severity", own)
            for name, own in points.groupby("name", sort=False)
        ]
    return _charts(found, href)


def _charts(found: list[tuple[str, str, pd.DataFrame]], href: Href) -> list[Chart]:
    """Make a chart for each title, x-axis title and points (recipe, x, value, low, high, n, tip; in the order of x)."""
    best = [(title, head, *_best(points.dropna(subset=["value"]))) for title, head, points in found]
    looks = line_looks(name for *_, curves, _ in best for name in curves)
    return [lines(title + more, (head, "Accuracy (%)"), curves, looks, href) for title, head, curves, more in best]


def _best(points: pd.DataFrame) -> tuple[dict[str, list[ChartPoint]], str]:
    """The points of the best lines, best first, and the addition to the title if others are left out."""
    best, more = best_recipes(points, "value")
    drawn = {name: points[points["recipe"] == name].to_dict("records") for name in best}
    return {name: [_curve_point(name, line) for line in own] for name, own in drawn.items()}, more


def _curve_point(name: str, line: dict[Any, Any]) -> ChartPoint:
    between = "" if math.isnan(line["low"]) else f" ({line['low']:.1f} to {line['high']:.1f})"
    tip = f"{name}, {line['tip']}: {line['value']:.1f}{between}, n={line['n']}"
    return ChartPoint(name, float(line["x"]), line["value"], tip, y_low=line["low"], y_high=line["high"])


def legend(charts: list[Chart]) -> list[ChartCurve]:
    """The distinct lines of all charts that are shown together."""
    return list({curve.name: curve for chart in charts for curve in chart.curves}.values())
