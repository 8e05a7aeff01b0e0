"""A page for each table of corruptions."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from bench.report.boards import Board
from bench.report.corruptions import attacked as unions
from bench.report.corruptions.page import LEFT_COLUMNS, SCORE_NOTE, UNIONS_TITLE, find_tables, heading
from bench.report.corruptions.table import Scores, means_over_severities, single_severities
from bench.report.corruptions.text import TABLE_PARTS, captions, errors, robustness
from bench.report.labels import STANDARD_RECIPE, line_name
from bench.report.site.data import SiteData
from bench.report.site.heat.cells import ColourScale, HeatCell, HeatMap, missing_cell, scale_around, scale_of
from bench.report.site.site import LinkTarget, Site, unique_paths


class CorruptionPages:
    """The pages `corruptions/*.html`."""

    menu = "Corruptions"

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        names = {
            table_id(board, make): f"{board.dataset} {board.model} n{board.n} {make}"
            for board, make in find_tables(data.results)
        }
        return {LinkTarget("corruptions", name): path for name, path in unique_paths("corruptions", names).items()}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str]]:
        for (board, make), scores in find_tables(data.results).items():
            path = site.paths[LinkTarget("corruptions", table_id(board, make))]
            attacked = unions.means(scores.unions) if len(scores.unions) else None
            values: dict[str, Any] = {"board": board, "heading": heading(board, make), "errors": errors(scores)}
            values |= {"by_name": by_corruption(scores), "by_severity": by_severity(scores), "attacked": attacked}
            values |= {"robustness": [(TABLE_PARTS[part][0], shown) for part, shown in robustness(scores).items()]}
            values |= {
                "score": SCORE_NOTE,
                "captions": captions(board, scores),
                "attacked_head": UNIONS_TITLE,
                "left": LEFT_COLUMNS,
            }
            values |= {"recipe_of": data.recipe_of}
            yield path, site.render(path, "corruptions.html", f"Corruptions: {heading(board, make)}", **values)


def table_id(board: Board, make: str) -> str:
    """The name of a table in links."""
    return f"{board.slug} {make}"


def by_corruption(scores: Scores) -> HeatMap:
    """A heat map with a column for each corruption, means over severities."""
    cells = means_over_severities(scores.cells)
    return _heat_map(cells.assign(column=cells["name"].str.replace("_", " ")))


def by_severity(scores: Scores) -> HeatMap:
    """A heat map with a column for each severity, means over corruptions; missing for methods that lack one."""
    cells = single_severities(scores.cells)
    means = cells.groupby(["recipe", "severity"], sort=False)["accuracy"].agg(lambda values: values.mean(skipna=False))
    found = means.reset_index().assign(status="ok", accuracy_low=math.nan, accuracy_high=math.nan)
    return _heat_map(found.assign(column="severity " + found["severity"].astype(str)))


def _heat_map(cells: pd.DataFrame) -> HeatMap:
    """Make a heat map, higher means first. cells: recipe, column, accuracy with interval, status."""
    values = 100 * cells.pivot_table("accuracy", "recipe", "column", sort=False, dropna=False, aggfunc="first")
    has_reference = STANDARD_RECIPE in values.index
    shown = values - values.loc[STANDARD_RECIPE] if has_reference else values
    numbers = [float(number) for number in shown.to_numpy().ravel()]
    scale = scale_around(numbers) if has_reference else scale_of(numbers)
    records = {(cell["recipe"], cell["column"]): cell for cell in cells.to_dict("records")}
    lines = []
    for recipe in values.mean(axis=1).sort_values(ascending=False, kind="stable").index:
        differences = dict(zip(values, shown.loc[[recipe]].to_numpy()[0].tolist(), strict=True))
        line = [_cell(records.get((recipe, c), {}), differences[c], scale) for c in values]
        lines.append((line_name(str(recipe)), tuple(line)))
    return HeatMap(tuple(map(str, values)), tuple(lines), scale)


def _cell(cell: Mapping[Any, Any], shown: float, scale: ColourScale) -> HeatCell:
    """One cell. shown: the number that determines the shade."""
    value = 100 * cell.get("accuracy", math.nan)
    if math.isnan(value):
        return missing_cell(str(cell.get("status", "missing")))
    low, high = 100 * cell["accuracy_low"], 100 * cell["accuracy_high"]
    about = f"{line_name(cell['recipe'])}, {cell['column']}: {value:.1f}" + (
        "" if math.isnan(low) else f" ({low:.1f} to {high:.1f})"
    )
    about += f", {shown:+.1f} to {STANDARD_RECIPE}" if scale.is_diverging and not math.isnan(shown) else ""
    return HeatCell(f"{value:.1f}", about, scale.shade(shown), value)
