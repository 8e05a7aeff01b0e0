"""A page for each board: its table."""

from collections.abc import Iterator

from bench.report.labels import line_name
from bench.report.leaderboard import text as words
from bench.report.leaderboard.table import accuracies
from bench.report.site.data import SiteData, recipes_by_line
from bench.report.site.site import Site, Target, unique_paths


class BoardPages:
    """`boards/*.html`."""

    menu = ""

    def paths(self, data: SiteData) -> dict[Target, str]:
        names = {board.slug: f"{board.dataset} {board.model} {board.threat} n{board.n}" for board in data.boards}
        return {Target("board", slug): path for slug, path in unique_paths("boards", names).items()}

    def pages(self, data: SiteData, site: Site) -> Iterator[tuple[str, str]]:
        for board, report in data.boards.items():
            path = site.paths[Target("board", board.slug)]
            shown = words.display(report.table, accuracies(report.table))
            yield (
                path,
                site.render(
                    path,
                    "board.html",
                    board.title,
                    board=board,
                    extent=report.extent,
                    shown=shown,
                    recipes={line_name(label): recipe for label, recipe in recipes_by_line(report).items()},
                    caption=words.caption(report.table),
                    notes=words.notes(report.table),
                ),
            )
