"""A page for each board, with its table and charts."""

from collections.abc import Iterator
from typing import Any

from bench.core.parsing import format_count
from bench.report.boards import Board
from bench.report.labels import labels
from bench.report.leaderboard import differences as paired
from bench.report.leaderboard import text as words
from bench.report.leaderboard.page import Report, find_folders
from bench.report.norms.page import find_unions
from bench.report.site.board_charts import against_robust, legend, severities, sweeps
from bench.report.site.board_extras import board_extras
from bench.report.site.board_files import Files, board_files
from bench.report.site.board_table import board_table
from bench.report.site.chart import Chart
from bench.report.site.data import SiteData
from bench.report.site.site import Here, LinkTarget, Site


class BoardPages:
    """The pages `boards/*.html`, named as the folders of `leaderboard/`."""

    menu = ""

    def paths(self, data: SiteData) -> dict[LinkTarget, str]:
        folders = find_folders(data.boards)
        return {LinkTarget("board", board.slug): f"boards/{folders[board]}.html" for board in data.boards}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str]]:
        newest = max((board.protocol for board in data.boards), default=0)
        for board, report in data.boards.items():
            path = site.paths[LinkTarget("board", board.slug)]
            values = _values(data, board, report, Here(site, path))
            yield path, site.render(path, "board.html", board.title, is_old=board.protocol < newest, **values)


def _values(data: SiteData, board: Board, report: Report, here: Here) -> dict[str, Any]:
    """The values of the template for a board."""

    def href(label: str) -> str:
        return here.href("method", data.recipe_of(label))

    table = board_table(report, board_extras(data, board, report))
    files = board_files(data, board, here)
    curves: tuple[tuple[str, str, list[Chart], list[str], Files], ...] = (
        ("Sweeps", "sweeps", *sweeps(data, board, href), files["sweeps"]),
        ("Corruptions by severity", "severities", severities(data, board, href), [], files["severities"]),
    )
    return {
        "board": board,
        "corrupted": board._replace(norm="", eps=None).slug,  # the slug of the table of corruptions for the same models
        "report": report,
        "in_unions": any(board in union.balls for union in find_unions(data.results).values()),
        "table": table,
        "has_partial": any(cell.is_partial for line in table.lines for cell in line.cells),
        "recipes": {label: data.recipe_of(label) for label in report.table["recipe"]},
        "model_reports": _model_reports(report, here),
        "caption": words.caption(report.table),
        "notes": words.notes(report.table),
        "differences": paired.display(report.differences).to_dict("records") if len(report.differences) else [],
        "differences_caption": paired.caption(report.differences) if len(report.differences) else "",
        "groups": [_group(other, here) for other in data.boards],
        "charts": [(chart, files[chart.title]) for chart in against_robust(report, href)],
        "curves": [
            (head, key, many, legend(many), lost, those) for head, key, many, lost, those in curves if many or lost
        ],
        "downloads": files["board"],
    }


def _model_reports(report: Report, here: Here) -> dict[str, str]:
    """Addresses of the reports of single models, by the line of the board."""
    runs = dict(zip(labels(report.rows), report.rows["run"], strict=True))
    return {label: href for label, run in runs.items() if (href := here.href("model", run))}


def _group(board: Board, here: Here) -> dict[str, str]:
    """The values by which the controls of the page choose a board."""
    images = (
        f"{format_count(board.n, 'image')}, protocol {board.protocol}, training "
        f"images {board.data[:6] or 'of unknown print'}"
    )
    return {
        "Data set": board.dataset,
        "Threat": board.threat,
        "Budget": board.budget,
        "Network": board.model,
        "Evaluation": images,
        "href": here.href("board", board.slug),
    }
