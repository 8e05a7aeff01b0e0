"""The page of unions: accuracy under attacks in balls of several norms, one by one and together."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from bench.report.boards import Board
from bench.report.labels import line_name
from bench.report.norms.page import UnionOfBalls, find_folders, find_unions, notes
from bench.report.norms.table import UNION, ball_name
from bench.report.site.board_cells import TableCell, accuracy_cells
from bench.report.site.data import SiteData
from bench.report.site.site import Here, LinkTarget, Site

FILES = ("union.csv", "union.tex")


class UnionLine(NamedTuple):
    """A line of a union's table."""

    name: str  # the label as shown
    recipe: str
    cells: tuple[TableCell, ...]


class NormUnionsPage:
    """The page `norms.html`, with a section for each union."""

    menu = "Norms"

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        return {LinkTarget("norms", ""): "norms.html"} if data.boards and find_unions(data.results) else {}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str]]:
        if LinkTarget("norms", "") in site.paths:
            here, unions = Here(site, "norms.html"), find_unions(data.results)
            folders = find_folders(unions)
            sections = [
                _section(data, board, union) | {"files": here.files(f"norms/{folders[board]}", *FILES)}
                for board, union in unions.items()
            ]
            yield here.path, site.render(here.path, "norms.html", "Several norms together", sections=sections)


def _section(data: SiteData, board: Board, union: UnionOfBalls) -> dict[str, Any]:
    """The values of the template for one union."""
    columns = ["Clean", *map(ball_name, union.balls), UNION]
    return {
        "board": board,
        "balls": {ball_name(ball): ball.slug for ball in union.balls},
        "columns": columns,
        "lines": _lines(data, union.table, columns),
        "notes": notes(union.table),
        "has_seeds": bool((union.table["seeds"] > 1).any()),
    }


def _lines(data: SiteData, table: pd.DataFrame, columns: list[str]) -> list[UnionLine]:
    cells: Mapping[str, list[TableCell]] = {column: accuracy_cells(table, column) for column in columns}
    return [
        UnionLine(line_name(label), data.recipe_of(label), tuple(cells[column][place] for column in columns))
        for place, label in enumerate(table["recipe"])
    ]
