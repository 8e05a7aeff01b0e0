"""Links of a board's page to tables and figures on the disk."""

from bench.report.boards import Board
from bench.report.corruptions.page import find_folders as corruption_folders
from bench.report.corruptions.page import find_tables
from bench.report.leaderboard.page import find_folders
from bench.report.site.data import SiteData
from bench.report.site.site import Here
from bench.report.sweeps.page import find_folders as sweep_folders
from bench.report.sweeps.table import EFFORTS, sweep_boards

FIGURE_SUFFIXES = ("png", "pdf", "csv")
Files = tuple[tuple[str, str], ...]  # names and addresses
TABLE_FILES = ("board.md", "board.csv", "board.tex", "rows.csv", "differences.csv", "differences.tex")
BAR_FILES = ("bars.png", "bars.pdf")


def board_files(data: SiteData, board: Board, here: Here) -> dict[str, Files]:
    """Names and addresses of the files that exist, by the part of the page that links to them."""
    own = f"leaderboard/{find_folders(data.boards)[board]}"
    swept = sweep_folders(sweep_boards(data.rows)).get(board._replace(eps=None), "")
    corrupted = {
        make: folder
        for (other, make), folder in corruption_folders(find_tables(data.results)).items()
        if other == board._replace(norm="", eps=None)
    }
    return {
        "board": here.files(own, *TABLE_FILES, *BAR_FILES),
        "Clean against robust": here.files(own, "scatter.png", "scatter.pdf"),
        "Cost against robust": here.files(own, "cost.png", "cost.pdf"),
        "sweeps": here.files(
            f"sweeps/{swept}", *(f"{axis}.{kind}" for axis in ("eps", *EFFORTS) for kind in FIGURE_SUFFIXES)
        ),
        "severities": tuple(
            (name if len(corrupted) == 1 else f"{make} {name}", href)
            for make, folder in corrupted.items()
            for name, href in here.files(
                f"corruptions/{folder}", *(f"severity.{kind}" for kind in FIGURE_SUFFIXES), "scores.csv"
            )
        ),
    }
