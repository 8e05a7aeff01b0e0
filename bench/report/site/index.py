"""The first page of the site: a list of all boards with their best lines."""

import math
from collections.abc import Iterator
from typing import Any

from bench.report.boards import Board
from bench.report.labels import condition_name, line_name
from bench.report.leaderboard.page import Report
from bench.report.leaderboard.table import ranking_column
from bench.report.leaderboard.text import accuracy_text
from bench.report.site.data import SiteData
from bench.report.site.site import LinkTarget, Site


class IndexPage:
    """The page `index.html`."""

    menu = "Boards"

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        return {LinkTarget("index", ""): "index.html"}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str]]:
        lines = [_line(data, board, report) for board, report in data.boards.items()]
        html = site.render(
            "index.html",
            "index.html",
            "Boards",
            results=data.results.name,
            boards=lines,
            silent=data.runs_without_rows,
        )
        yield "index.html", html


def _line(data: SiteData, board: Board, report: Report) -> dict[str, Any]:
    """The values of a board's line on the first page."""
    table = report.table
    score, first = ranking_column(table), {str(key): value for key, value in table.iloc[0].items()}
    verdict, _, reasons = str(first["verdict"]).partition(": ")
    return {
        "board": board,
        "methods": len(table),
        "seeds": "" if table["external"].all() else int(table["seeds"].max()),
        "score": condition_name(score),
        "best": line_name(first["recipe"]),
        "recipe": data.recipe_of(first["recipe"]),
        "value": "" if math.isnan(first[score]) else accuracy_text(first, score),
        "order": first[score],
        "verdict": verdict,
        "reasons": reasons,
        "ties": int((table["rank"] == 1).sum()),
        "badges": report.badges,
    }
